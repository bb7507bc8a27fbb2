"""What `tokenizers` makes of the truncation and padding that a tokenizer.json says, when encode and encode_batch are called.

    python -m venv /tmp/vectors && /tmp/vectors/bin/pip install tokenizers==0.23.3 && /tmp/vectors/bin/python make_padding_vectors.py > hf/padding.json
"""
import json

import tokenizers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

words = "[UNK] [CLS] [SEP] [PAD] a b c d e f g h".split()


def tokenizer(truncation, padding):
    t = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    t.pre_tokenizer = pre_tokenizers.Whitespace()
    t.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    if truncation:
        t.enable_truncation(**truncation)
    if padding:
        t.enable_padding(pad_id=3, pad_token="[PAD]", **padding)
    return t


def record(e, inner=False):
    return {
        "ids": e.ids,
        "tokens": e.tokens,
        "typeIds": e.type_ids,
        "attentionMask": e.attention_mask,
        "specialTokensMask": e.special_tokens_mask,
        "wordIds": [-1 if w is None else w for w in e.word_ids],
        "offsets": e.offsets,
        # Further parts of pairs name further parts again; they are all in the first list.
        "overflowing": [] if inner else [record(o, True) for o in e.overflowing],
    }


SETTINGS = [
    ({"max_length": 7, "stride": 1}, {"length": 8}),
    ({"max_length": 7, "direction": "left"}, {"direction": "left", "pad_to_multiple_of": 4, "pad_type_id": 2}),
    ({"max_length": 8, "strategy": "only_first"}, {"length": 9, "pad_to_multiple_of": 4}),
    ({"max_length": 8, "strategy": "only_second", "stride": 0}, None),
    (None, {}),
]
TEXTS = ["a", "a b c d e f g h", "b c d e"]
PAIRS = [("a b c d", "e f g h"), ("a b", "c d e f")]
out = {"tokenizers": tokenizers.__version__, "cases": []}
for truncation, padding in SETTINGS:
    t = tokenizer(truncation, padding)
    calls = []
    for special in (True, False):
        for pairs in (False, True):
            texts = PAIRS if pairs else TEXTS
            if not pairs and truncation and truncation.get("strategy") == "only_second":
                texts = TEXTS[:1]
            batch = t.encode_batch(texts, add_special_tokens=special)
            one = t.encode(*(texts[-1] if pairs else [texts[-1]]), add_special_tokens=special)
            calls.append({"texts": texts, "addSpecialTokens": special, "batch": [record(e) for e in batch], "last": record(one)})
    out["cases"].append({"file": json.loads(t.to_str()), "calls": calls})
print(json.dumps(out, separators=(",", ":")).replace('{"texts"', '\n{"texts"').replace('{"file"', '\n{"file"'))
