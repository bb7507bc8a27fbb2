"""Makes word.json: BERT-like and other word tokenizers with what Hugging Face's tokenizers gives for them, pairs and truncation included.

    python3 -m venv venv && venv/bin/pip install tokenizers==0.23.3 && venv/bin/python make_word_vectors.py

Made with tokenizers 0.23.3, Python 3.11, on corpus.txt.
"""

import json
import os

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(HERE, "corpus.txt"), encoding="utf-8") as file:
    LINES = [line.rstrip("\n") for line in file]
TEXTS = [
    "", " ", "a", "Hello, World! it's n't.", "The carpenter built a wooden box.", "木の箱を作った。 言語model", "Éclair naïve e\u0301 ĄŻ İ",
    "unaffable supercalifragilistic", "x" * 101, "x\u200cy\u00ady\ufffd\u0000z\ttab\nline\u3000wide\u000bv", "[CLS] [SEP] [MASK] mask", "don't do not 's 're ! ?",
    "$1.50+2=3 <a>^`|~", "한국어 Привет ΣΑΣ", "𠮷野家 \U0002b830 \U0002b920", "a-b-c--d", " lead", "abcあア漢ー、。 abc 12 ¿αβ한😀e\u0301\u200d x", "TOKEN token [x]",
]
PAIRS = [
    ["The carpenter built", "a wooden box."], ["木の箱", ""], ["", "b"], ["a b c d e f g h i j", "k l"], 
]
CUTS = [
    {"max_length": 8}, {"max_length": 7, "stride": 2}, {"max_length": 8, "stride": 2, "direction": "left"}, {"max_length": 9, "stride": 1, "strategy": "only_first"},
    {"max_length": 9, "stride": 1, "strategy": "only_second"}, {"max_length": 4}, {"max_length": 3},
]


def bert(post, **options):
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer(**options)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.decoder = decoders.WordPiece()
    t.train_from_iterator(LINES, trainers.WordPieceTrainer(vocab_size=420, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False))
    t.add_tokens([AddedToken("[x]", normalized=False)])
    cls, sep = ("[CLS]", 2), ("[SEP]", 3)
    if post == "template":
        t.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", [cls, sep])
    elif post == "bert":
        t.post_processor = processors.BertProcessing(sep, cls)
    elif post == "roberta":
        t.post_processor = processors.RobertaProcessing(sep, cls)
    return t


def words(pre, decoder=None):
    t = Tokenizer(models.WordLevel(unk_token="<unk>"))
    t.pre_tokenizer = pre
    t.train_from_iterator(LINES + TEXTS[4:8], trainers.WordLevelTrainer(vocab_size=150, special_tokens=["<unk>"], show_progress=False))
    if decoder:
        t.decoder = decoder
    return t


TOKENIZERS = {
    "bert": bert("template"),
    "cased": bert("bert", lowercase=False, handle_chinese_chars=False),
    "accents": bert("roberta", lowercase=True, strip_accents=False, clean_text=False),
    "dashes": words(pre_tokenizers.CharDelimiterSplit("-")),
    "scripts": words(pre_tokenizers.UnicodeScripts()),
    "fixed": words(pre_tokenizers.FixedLength(3), decoders.CTC(pad_token="the", word_delimiter_token="o")),
    "spaces": words(pre_tokenizers.WhitespaceSplit(), decoders.CTC(cleanup=False)),
}


def full(e):
    row = {
        "ids": e.ids, "tokens": e.tokens, "offsets": e.offsets, "typeIds": e.type_ids, "sequenceIds": [-1 if s is None else s for s in e.sequence_ids],
        "wordIds": [-1 if w is None else w for w in e.word_ids], "mask": e.special_tokens_mask,
    }
    if e.overflowing:
        # Each part of an overflow has overflows of its own there, which repeat what stands beside it.
        row["overflowing"] = [[o.ids, o.offsets, o.type_ids] for o in e.overflowing]
    return row


out = {}
for name, t in TOKENIZERS.items():
    rows = []
    for text in TEXTS:
        e = t.encode(text)
        rows.append({"text": text, **full(e), "decoded": t.decode(e.ids, skip_special_tokens=False), "decodedSkip": t.decode(e.ids)})
    for pair in PAIRS:
        rows.append({"text": pair[0], "pair": pair[1], **full(t.encode(*pair))})
    if name in ("bert", "accents", "spaces"):
        for cut in CUTS:
            t.enable_truncation(**{"stride": 0, "strategy": "longest_first", **cut})
            for pair in [["The carpenter built a wooden box of oak"], PAIRS[0][::-1], PAIRS[3]]:
                try:
                    rows.append({"text": pair[0], **({"pair": pair[1]} if len(pair) > 1 else {}), "cut": cut, **full(t.encode(*pair))})
                except BaseException as error:  # noqa: BLE001
                    rows.append({"text": pair[0], **({"pair": pair[1]} if len(pair) > 1 else {}), "cut": cut, "error": str(error)[:80]})
        t.no_truncation()
    out[name] = {"file": json.loads(t.to_str()), "rows": rows}
with open(os.path.join(HERE, "hf", "word.json"), "w", encoding="utf-8") as file:
    parts = []
    for name, value in out.items():
        rows = ",\n".join(json.dumps(row, separators=(",", ":")) for row in value["rows"])
        parts.append(json.dumps(name) + ':{"file":' + json.dumps(value["file"], separators=(",", ":")) + ',"rows":[\n' + rows + "]}")
    file.write("{" + ",\n".join(parts) + "}\n")
