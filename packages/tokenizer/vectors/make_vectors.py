"""Makes the golden vectors of this folder with SentencePiece itself.

    python3 -m venv venv && venv/bin/pip install sentencepiece==0.2.1 && venv/bin/python make_vectors.py

Made with sentencepiece 0.2.1, Python 3.11. (0.2.3 decides some ties between equal scores otherwise; 0.1.97 to 0.2.1 agree.)
The models are trained on corpus.txt and on sentences composed of the parts below, all written for this folder.
kumiki-*.model are made by make-kumiki-models.ts; here they are only read, which shows that SentencePiece reads them.
"""

import hashlib
import io
import itertools
import json
import os
import struct

import sentencepiece as spm

HERE = os.path.dirname(os.path.abspath(__file__))

SUBJECTS = ["私は", "友人は", "その学生は", "年老いた職人は", "隣の家の子どもは", "研究者たちは"]
OBJECTS = ["木の箱を", "新しい辞書を", "長い手紙を", "青い自転車を", "学習の記録を", "言語モデルを"]
VERBS = ["作った。", "見つけました。", "友人に見せた。", "大切にしている。"]
WHO = ["The carpenter", "My neighbour", "A student", "The researchers", "Her brother"]
DID = ["built", "found", "described", "repaired", "forgot"]
WHAT = ["a wooden box", "the training log", "an old dictionary", "a language model", "the blue bicycle"]

KUMIKI = ("kumiki-unigram", "kumiki-bpe", "kumiki-rules", "kumiki-suffix")

TEXTS = [
    "", " ", "  ", "        ", "a", "\n", "\t", "a\tb\nc\r\n", "  two  spaces  inside  ", "trailing ", " leading",
    "木の箱を作った。", "The carpenter built a wooden box.", "言語モデルの学習は、文章をトークンに切ることから始まります。",
    "未知の文字: 鱲 𠮷野家 😀 👩\u200d💻 é が", "\u2581", "a\u2581b", "\u2581\u2581", "ＡＢＣ１２３　ﾊﾟｿｺﾝ ㈱ ﬁ", "２０２４年",
    "0123456789 1,234.5", "aaaaaaaaaaaaaaaaaaaa", "----------------------", "====", "abababababab",
    "<s></s><unk><pad>", "<0x0A>", "<mask>", "x<mask>y <sep> <mask><mask>", "\ufeffbom", "a\u00a0b\u3000c", "\u0000", "a\u0000b",
    "\u200bzero\u200cwidth", "한국어 Привет ελληνικά עברית", "function add(a, b) { return a + b }", "    return encode(text).length",
    "https://example.com/?q=日本", "ーーーーー", "っっっ", "学習学習学習学習", "𠮷𠮷𠮷𠮷", "\U0010ffff\ue000\ufffd", "ab\u0301c\u0301", "abcabdab abca",
]


def corpus():
    with open(os.path.join(HERE, "corpus.txt"), encoding="utf-8") as file:
        yield from (line.rstrip("\n") for line in file)
    for parts in itertools.product(SUBJECTS, OBJECTS, VERBS):
        yield "".join(parts)
    for who, did, what in itertools.product(WHO, DID, WHAT):
        yield f"{who} {did} {what}."


def train(name, **options):
    out = io.BytesIO()
    settings = dict(vocab_size=700, byte_fallback=True, num_threads=1, minloglevel=2, hard_vocab_limit=False)
    settings.update(options)
    spm.SentencePieceTrainer.train(sentence_iterator=corpus(), model_writer=out, **settings)
    with open(os.path.join(HERE, f"{name}.model"), "wb") as file:
        file.write(out.getvalue())


def utf16(text, position):
    return len(text[:position].encode("utf-16-le")) // 2


def golden(name):
    sp = spm.SentencePieceProcessor(model_file=os.path.join(HERE, f"{name}.model"))
    unigram = name.endswith(("unigram", "rules"))
    cases = []
    for text in TEXTS + list(corpus())[:83]:
        proto = sp.encode(text, out_type="immutable_proto")
        ids = [piece.id for piece in proto.pieces]
        assert ids == sp.encode(text)
        best = sp.nbest_encode(text, nbest_size=4, out_type="immutable_proto").nbests if unigram and len(text) < 24 else []
        cases.append({
            "text": text,
            **({"best": [{"ids": [piece.id for piece in one.pieces], "score": one.score} for one in best]} if best else {}),
            "ids": ids,
            "pieces": [piece.piece for piece in proto.pieces],
            "offsets": [[utf16(text, piece.begin), utf16(text, piece.end)] for piece in proto.pieces],
            "decoded": sp.decode(ids),
        })
    step = max(1, sp.get_piece_size() // 60)
    decode = [[i] for i in range(0, sp.get_piece_size(), step)]
    byte = sp.piece_to_id("<0xE3>") if not sp.is_unknown(sp.piece_to_id("<0xE3>")) else None
    if byte is not None:
        at = byte - 0xE3
        for run in ([0xE3, 0x81], [0xE3, 0x41], [0xF0, 0x9F, 0x98, 0x80, 0x80], [0xC3, 0xA9, 0xFF], [0xED, 0xA0, 0x80], [0x20, 0x20]):
            decode += [[at + b for b in run], [*(at + b for b in run), 5], [1, *(at + b for b in run), at + 0x41]]
    space = sp.piece_to_id("\u2581")
    decode += [[space], [space, space], [space, 1, space], [1, space, 2, space], [0, space, 0], [0, 0]]
    return {
        "model": f"{name}.model",
        "sentencepiece": spm.__version__,
        "size": sp.get_piece_size(),
        "special": {"unk": sp.unk_id(), "bos": sp.bos_id(), "eos": sp.eos_id(), "pad": sp.pad_id()},
        "cases": cases,
        "decode": [{"ids": ids, "decoded": sp.decode(ids)} for ids in decode],
    }


def write(name):
    with open(os.path.join(HERE, f"{name}.json"), "w", encoding="utf-8") as file:
        json.dump(golden(name), file, ensure_ascii=True, indent=0, separators=(",", ":"))
        file.write("\n")


def charsmap(name):
    """The rules of a name, out of the trie that SentencePiece compiles into models."""
    out = io.BytesIO()
    spm.SentencePieceTrainer.train(sentence_iterator=corpus(), model_writer=out, model_type="char", vocab_size=500, minloglevel=2,
                                   hard_vocab_limit=False, normalization_rule_name=name)
    blob = next(data for number, data in fields(next(data for number, data in fields(out.getvalue()) if number == 3)) if number == 2)
    (size,) = struct.unpack_from("<I", blob)
    units = struct.unpack_from(f"<{size // 4}I", blob, 4)
    texts = blob[4 + size:]
    offset = lambda unit: (unit >> 10) << ((unit & 0x200) >> 6)
    rules = []
    stack = [(b"", offset(units[0]))]
    while stack:
        key, node = stack.pop()
        for label in range(1, 256):
            at = node ^ label
            if at >= len(units) or units[at] & 0x800000FF != label:
                continue
            following = at ^ offset(units[at])
            if units[at] >> 8 & 1:
                start = units[following] & 0x7FFFFFFF
                rules.append(((key + bytes([label])).decode(), texts[start:texts.index(0, start)].decode()))
            stack.append((key + bytes([label]), following))
    return sorted(rules, key=lambda rule: rule[0].encode())


def fields(data):
    """The length-delimited fields of a protocol buffer."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        tag = varint()
        if tag & 7 == 0:
            varint()
        elif tag & 7 == 5:
            at += 4
        elif tag & 7 == 1:
            at += 8
        else:
            size = varint()
            yield tag >> 3, data[at:at + size]
            at += size


def normalization():
    """How many rules each name has, a hash of all of them, and what they make of texts."""
    result = {"sentencepiece": spm.__version__}
    for name in ("nfkc", "nmt_nfkc", "nfkc_cf", "nmt_nfkc_cf"):
        rules = charsmap(name)
        lines = "".join(f"{text}\0{replacement}\n" for text, replacement in rules)
        result[name] = {
            "rules": len(rules),
            "sha256": hashlib.sha256(lines.encode()).hexdigest(),
            "cases": [[text, spm.SentencePieceNormalizer(rule_name=name).normalize(text)] for text in NORMALIZED],
        }
    with open(os.path.join(HERE, "normalization", "rules.json"), "w", encoding="utf-8") as file:
        json.dump(result, file, ensure_ascii=True, indent=0, separators=(",", ":"))
        file.write("\n")


NORMALIZED = [
    "ＡＢＣ１２３　ﾊﾟｿｺﾝ ㈱ ﬁ", "か\u3099ＦＯＯ ％ ～", "①②③ ½ ㎏ ㍿ ℡", "e\u0301 E\u0301 e\u0323\u0302 ệ", "\u1100\u1161\u11a8 각 가", "\u0391\u0301\u0345 ᾼ ΐ",
    "Straße ẞ İ ı ſ ǅ Σς", "\u13a0\uab70\u13f8 Ꭰ", "a\tb\nc\x01d\x7fe\u200bf\u200dg\ufeff", "𝐀𝔸𝟙 🄰 ꜰ", "\u212b \u2126 \u0149 \ufb03 ﷺ", "D\u0307\u0323 \u0dcf\u0dca", "",
]


def main():
    os.chdir(HERE)  # the path of the rules becomes part of the model: keep it a name
    normalization()
    rules = "rules.tsv"
    train("unigram", normalization_rule_name="identity", remove_extra_whitespaces=False, allow_whitespace_only_pieces=True,
          split_digits=True, user_defined_symbols=["<mask>", "<sep>"], control_symbols=["<eod>"])
    train("bpe", model_type="bpe", normalization_rule_name="identity", user_defined_symbols=["<mask>", "<sep>"], pad_id=3)
    train("unigram-rules", normalization_rule_tsv=rules, user_defined_symbols=["２０", "<mask>"])
    train("unigram-suffix", normalization_rule_name="identity", treat_whitespace_as_suffix=True, byte_fallback=False)
    train("bpe-unknown", model_type="bpe", normalization_rule_name="identity", byte_fallback=False, character_coverage=0.98,
          add_dummy_prefix=False, remove_extra_whitespaces=False, bos_id=-1)
    train("char", model_type="char", normalization_rule_name="identity", byte_fallback=False, character_coverage=0.98)
    train("word", model_type="word", normalization_rule_name="identity", byte_fallback=False, use_all_vocab=True)
    train("word-suffix", model_type="word", normalization_rule_name="identity", treat_whitespace_as_suffix=True, vocab_size=300,
          user_defined_symbols=["<mask>", "a b"], add_dummy_prefix=False, byte_fallback=False)
    for name in ("unigram", "bpe", "unigram-rules", "unigram-suffix", "bpe-unknown", "char", "word", "word-suffix", *KUMIKI):
        if os.path.exists(os.path.join(HERE, f"{name}.model")):
            write(name)


if __name__ == "__main__":
    main()
