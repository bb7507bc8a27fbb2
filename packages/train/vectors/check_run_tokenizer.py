"""Holds the tokenizer of a run folder, as Transformers reads it, against ours.

    kumiki tokenizer encode --model RUN/tokenizer.model < texts.txt > ids.txt
    python check_run_tokenizer.py RUN texts.txt ids.txt

Ran with transformers 4.57.6 (tokenizers 0.22.2) and 5.24.0 (tokenizers 0.23.3): no text differs but those with a special token written out
(`<s>`, `</s>`, `<unk>`), which is a special token there and plain text here.
"""

import json
import sys

import transformers
from transformers import AutoTokenizer

run, texts, ids = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(run)
lines = open(texts, encoding="utf-8", newline="\n").read().removesuffix("\n").split("\n")
differing = 0
for line, ours in zip(lines, open(ids), strict=True):
    theirs = tokenizer(line)["input_ids"]
    if theirs != json.loads(ours):
        differing += 1
        print(repr(line), theirs, ours.strip())
print(transformers.__version__, type(tokenizer).__name__, len(lines), "texts,", differing, "differ")
