"""Makes the files of the folder hf and their golden vectors with Hugging Face's tokenizers.

    python3 -m venv venv && venv/bin/pip install tokenizers==0.23.3 && venv/bin/python make_hf_vectors.py

Made with tokenizers 0.23.3, Python 3.11, on corpus.txt. The pipelines are those of GPT-2, Llama 3, Qwen 2, Llama 2 and T5 style files.
"""

import json
import os

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = os.path.dirname(os.path.abspath(__file__))
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
TEXTS = [
    "", " ", "  ", "        ", "a", "\n", "\t", "a\tb\nc\r\n", "  two  spaces  inside  ", "trailing ", " leading", "\n\n\n  x",
    "木の箱を作った。", "The carpenter built a wooden box.", "言語モデルの学習は、文章をトークンに切ることから始まります。",
    "未知の文字: 鱲 𠮷野家 😀 👩\u200d💻 é が", "e\u0301a\u0308 \u1100\u1161\u11a8", "\u2581", "a\u2581b", "ＡＢＣ１２３　ﾊﾟｿｺﾝ ㈱ ﬁ",
    "I'm they'RE we'LL it'\u017f", "0123456789 1,234.5", "aaaaaaaaaaaaaaaaaaaa", "====--==", "abababababab", "<s></s><unk><pad>",
    "<|im_start|>user\nhi<|im_end|>\n", "x <|end|> y", "x<mask>  y <mask>", "wordtoken tokenword token", "\ufeffbom", "a\u00a0b\u3000c\u0085d",
    "\u0000", "\u200bzero\u200cwidth", "한국어 Привет ελληνικά ΣΑΣ", "function add(a, b) { return a + b }", "    return x;\n\n\n}\n",
    "が\u035eか\u3099\u035e e\u034e\u0301x \u1f35\u035a", "㌲\u035e 册\u20de", "x abc abcab がくか\u3099㈱𠮷", "a<s>b<s> c", "Λά,ᆭᆭ!",
    "https://example.com/?q=日本", "!!!???", "\U0010ffff\ue000\ufffd", "ab\u0301c\u0301", "line one\nline two\r\n",
]


def corpus():
    with open(os.path.join(HERE, "corpus.txt"), encoding="utf-8") as file:
        return [line.rstrip("\n") for line in file]


def byte_level(split, **options):
    t = Tokenizer(models.BPE(**options))
    steps = [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=split is None)]
    if split is not None:
        steps.insert(0, pre_tokenizers.Split(Regex(split), "isolated", invert=False))
    t.pre_tokenizer = pre_tokenizers.Sequence(steps) if split is not None else steps[0]
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(
        corpus(), trainers.BpeTrainer(vocab_size=420, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    )
    return t


def gpt2():
    t = byte_level(None)
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    t.post_processor = processors.ByteLevel(trim_offsets=True)
    t.add_special_tokens(["<|endoftext|>"])
    return t


def llama3():
    t = byte_level(LLAMA3, ignore_merges=True)
    t.add_special_tokens(["<|begin_of_text|>", "<|end|>"])
    begin = t.token_to_id("<|begin_of_text|>")
    t.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing("<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", begin)]),
    ])
    return t


def qwen2():
    t = byte_level(QWEN)
    t.normalizer = normalizers.NFC()
    t.post_processor = processors.ByteLevel(trim_offsets=False)
    t.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    t.add_tokens([AddedToken("<mask>", lstrip=True, rstrip=True), AddedToken("token", single_word=True)])
    return t


def llama2():
    alphabet = {c for line in corpus() for c in line}
    t = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    specials = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
    t.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    t.train_from_iterator(
        corpus(),
        trainers.BpeTrainer(vocab_size=900, special_tokens=specials, limit_alphabet=len(alphabet), max_token_length=8, show_progress=False),
    )
    data = json.loads(t.to_str())
    data["added_tokens"] = data["added_tokens"][:3]
    t = Tokenizer.from_str(json.dumps(data))
    t.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    t.post_processor = processors.TemplateProcessing("<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)])
    return t


def metaspace():
    t = Tokenizer(models.Unigram())
    t.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase(), normalizers.Strip(), normalizers.Replace(Regex(" {2,}"), " ")])
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Metaspace(prepend_scheme="first"), pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.Punctuation(),
    ])
    t.decoder = decoders.Metaspace(prepend_scheme="first")
    t.train_from_iterator(
        corpus(),
        trainers.UnigramTrainer(vocab_size=500, unk_token="<unk>", special_tokens=["<pad>", "</s>", "<unk>"], show_progress=False),
    )
    t.post_processor = processors.TemplateProcessing("$A </s>", special_tokens=[("</s>", t.token_to_id("</s>"))])
    return t


def llmjp():
    t = Tokenizer(models.Unigram())
    t.normalizer = normalizers.Sequence([normalizers.Replace(Regex("(?<!\\n)^"), "\u2581"), normalizers.Replace(Regex(" "), "\u2581")])
    t.pre_tokenizer = pre_tokenizers.Split("\u2581", "merged_with_next")
    specials = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
    t.train_from_iterator(corpus(), trainers.UnigramTrainer(vocab_size=700, unk_token="<unk>", special_tokens=specials, show_progress=False))
    data = json.loads(t.to_str())
    data["model"]["byte_fallback"] = True
    data["pre_tokenizer"] = None
    data["added_tokens"] = data["added_tokens"][:3]
    t = Tokenizer.from_str(json.dumps(data))
    t.decoder = decoders.Sequence([
        decoders.ByteFallback(), decoders.Replace("\u2581", " "), decoders.Fuse(), decoders.Replace(Regex("(?<!\\n)^ "), ""),
    ])
    t.post_processor = processors.TemplateProcessing("<s> $A", special_tokens=[("<s>", 1)])
    return t


def xlmr():
    with open(os.path.join(HERE, "kumiki-rules.model"), "rb") as file:
        model = file.read()
    # The rules of that model (normalizer_spec.precompiled_charsmap): its field 2, behind the name.
    at = model.index(b"user_defined\x12") + len(b"user_defined\x12")
    size = shift = 0
    while True:
        byte = model[at]
        at += 1
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    t = Tokenizer(models.Unigram())
    t.normalizer = normalizers.Sequence([normalizers.Precompiled(model[at:at + size]), normalizers.StripAccents(), normalizers.Replace(Regex(" {2,}"), " ")])
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")])
    t.decoder = decoders.Metaspace(prepend_scheme="always")
    t.train_from_iterator(
        corpus(), trainers.UnigramTrainer(vocab_size=500, unk_token="<unk>", special_tokens=["<s>", "</s>", "<unk>"], show_progress=False)
    )
    t.post_processor = processors.TemplateProcessing("<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)])
    return t


for make in (gpt2, llama3, qwen2, llama2, metaspace, llmjp, xlmr):
    name = os.path.join("hf", make.__name__)
    tokenizer = make()
    tokenizer.save(os.path.join(HERE, f"{name}.tokenizer.json"), pretty=False)
    cases = []
    for text in TEXTS + corpus()[:20]:
        plain = tokenizer.encode(text, add_special_tokens=False)
        ids = plain.ids
        cases.append({
            "text": text, "ids": ids, "tokens": plain.tokens, "offsets": plain.offsets,
            "with_special": tokenizer.encode(text).ids,
            "decoded": tokenizer.decode(ids, skip_special_tokens=False), "decoded_skip": tokenizer.decode(ids),
        })
    lines = ",\n".join(json.dumps(case, ensure_ascii=True, separators=(",", ":")) for case in cases)
    with open(os.path.join(HERE, f"{name}.golden.json"), "w", encoding="utf-8") as file:
        file.write('{"cases": [\n' + lines + "\n]}\n")
