"""Makes ranks.json: a small `.tiktoken` file and a tekken file, with the ids that tiktoken and mistral-common give.

    python3 -m venv venv && venv/bin/pip install tiktoken==0.14.0 mistral-common==1.13.1 && venv/bin/python make_rank_vectors.py

Made with tiktoken 0.14.0, mistral-common 1.13.1, Python 3.11, of the merges of hf/llama3.tokenizer.json.
"""

import base64
import json
import os
import tempfile

import tiktoken
from mistral_common.tokens.tokenizers.tekken import Tekkenizer
from tiktoken_ext.openai_public import cl100k_base, gpt2, o200k_base  # noqa: F401

HERE = os.path.dirname(os.path.abspath(__file__))
TEXTS = [
    "", " ", "Hello, World!", "The carpenter built a wooden box.", "木の箱を作った。😀", "I'LL it's 'RE we've\n\n\n  x", "12345 1,234.5", "    return x;\n", "trailing  ",
    "<|end|> and <s>", "HTTPServer naïveCamelCase don't", "\u0000\ufffd é e\u0301", "a\r\n\r\n b\t\tc",
]


def alphabet():
    kept = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    other = [b for b in range(256) if b not in kept]
    return {chr(b): b for b in kept} | {chr(0x100 + k): b for k, b in enumerate(other)}


with open(os.path.join(HERE, "hf", "llama3.tokenizer.json"), encoding="utf-8") as file:
    merges = json.load(file)["model"]["merges"]
BYTE = alphabet()
ranks = {bytes([b]): b for b in range(256)}
for left, right in merges:
    ranks.setdefault(bytes(BYTE[c] for c in left + right), len(ranks))
# Pattern strings of the encodings, without fetching their files.
import tiktoken_ext.openai_public as public

public.load_tiktoken_bpe = lambda *a, **k: {}
public.data_gym_to_mergeable_bpe_ranks = lambda *a, **k: {}
PATTERNS = {name: getattr(public, name)()["pat_str"] for name in ("r50k_base", "cl100k_base", "o200k_base")}
out = {
    "tiktoken": "".join(f"{base64.b64encode(token).decode()} {rank}\n" for token, rank in ranks.items()),
    "texts": TEXTS,
    "encodings": {},
}
special = {"<|end|>": len(ranks) + 3}
for name, pattern in PATTERNS.items():
    encoding = tiktoken.Encoding(name, pat_str=pattern, mergeable_ranks=ranks, special_tokens=special)
    out["encodings"][name] = [encoding.encode(text, allowed_special="all") for text in TEXTS]
out["special"] = special
tekken = {
    "config": {"pattern": PATTERNS["o200k_base"], "num_vocab_tokens": len(ranks), "default_vocab_size": len(ranks) + 20 - 5, "default_num_special_tokens": 20, "version": "v3"},
    "vocab": [{"rank": rank, "token_bytes": base64.b64encode(token).decode(), "token_str": None} for token, rank in ranks.items()],
}
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "tekken.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(tekken, file)
    t = Tekkenizer.from_file(path)
    out["tekken"] = {"file": tekken, "ids": [t.encode(text, bos=False, eos=False) for text in TEXTS], "special": [t.id_to_piece(k) for k in range(20)], "size": t.n_words}
out["tekken"]["file"]["vocab"] = len(ranks)  # The vocabulary is that of the other file.
with open(os.path.join(HERE, "hf", "ranks.json"), "w", encoding="utf-8") as file:
    json.dump(out, file, separators=(",", ":"))
    file.write("\n")
