"""Makes patterns.json: what Oniguruma finds for the patterns of Hub models and for odd ones, and what its classes hold.

    python3 -m venv venv && venv/bin/pip install tokenizers==0.23.3 && venv/bin/python make_pattern_vectors.py

Made with tokenizers 0.23.3 (onig 6.9), Python 3.11. `cuts`: by text, the lengths of the parts (code points) that Split, isolated, gives.
"""

import json
import os
import random

from tokenizers import Regex, normalizers, pre_tokenizers

HERE = os.path.dirname(os.path.abspath(__file__))
P=[
 r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
 r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
 r"[\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
 r" ?[^(\s|[.,!?…。，、।۔،])]+",
 r"(?:\r?\n)+(?!\r?\n)", r"([!-])\1*", r"\A\p{Nd}{1,2}(?=(?:\p{Nd}{3})+\z)|(?<=\d)(?=(?:\d{3})+\b)", r"[\d\W]", r"(?>\s+)", r"\s++\S", r"a?+b|[a-c]*+c",
 r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
 r"[一-龥぀-ゟ゠-ヿ]+", r"(?i)[a-k]+", r"(?i:ſtrae|K)", r"[[:punct:]]+|[[:^alpha:][:space:]]", r"\R+|\h+", r"(?m:.)+?b", "(?x) a # c\n b+", r"\b\w+\b", r"(?<!a)b(?<=ab|b)", r"(?<n>a|b)\k<n>", r"(a|ab)(c|bcd)(d*)", r"x{,2}y", r"a{2}+", r"(?:ab){1,2}+c?", r"(a*)*b", r"(?:a|a)*$", r"^\s*$", r"\G\w", r"[^\P{L}a]", r"[a-z&&[^aeiou]&&[b-t]]", r"[&&a]|[a&&]", r"[]a]+", r"[a\]\-b]+", r"\p{^L}+", r"[\x{3041}-\x{3096}\u30a1-\u30fa]+", r"(?=a)\w+?(?=c|$)", r"(?:(?=\w)[^a])+", r"(?<=\n|^)x", r"\s+(?=\s)|\s",
 r"(a(?=b))*(?:(b)|c)\1?", r"(?:a?b?)*c", r"(?:a|(b))+\1", r"(?>a|ab)c", r"(?>(?>a*)b|a)+", r"(?!a*b)\w{3}", r"((a)|b)*\2", r"(?:\p{L}\p{M}*)+", r"[ぁ-んー]+|[ァ-ヴー]+|[一-龠々]+", r"(?i)[À-Þ]", r"(?i:É)",
]
random.seed(1)
alphabets=["ab c\n","abc","a1²_-.! \r\n","aAéÉſsKkK'","한ㄱ 漢字かなカー。a","Ωωσς ß\u0301\u200d","dcb,۔[(|)]!-"]
texts=[]
for _ in range(40):
    al=random.choice(alphabets); texts.append("".join(random.choice(al) for _ in range(random.randint(1,14))))
texts+=["abababab","12345678 1234","aaaa","!!--!!","x\r\n\r\n\ny","I'LL it'ſ 'RE","αβΑΒ","aabbc","xyxxyxxxy","İıÀàÞþ"]

CLASSES = [r"\w", r"[\w]", r"\W", r"[\W]", r"\s", r"\d", r"\h", r"\R", r"\p{Word}", r"\p{Punct}"]
CLASSES += [f"[[:{name}:]]" for name in "alnum alpha blank cntrl digit graph lower print punct space upper word xdigit".split()]
POINTS = [*range(0x250), 0x300, 0x345, 0x660, 0x903, 0x1680, 0x180E, *range(0x2000, 0x2070), 0x20AC, 0x20DD, 0x2160, 0x24B6, 0x3000, 0x3042, 0x30FB, 0x4E00, 0xFE4D, 0xFF11, 0x1D7CE, 0x1F600]


def held(pattern):
    drop = normalizers.Replace(Regex(pattern), "")
    return "".join("1" if drop.normalize_str(chr(point)) == "" else "0" for point in POINTS)


rows = []
for pattern in P:
    split = pre_tokenizers.Split(Regex(pattern), "isolated")
    rows.append({"pattern": pattern, "cuts": [[len(part) for part, _ in split.pre_tokenize_str(text)] for text in texts]})
whitespace = pre_tokenizers.Whitespace()
result = {
    "texts": texts,
    "points": POINTS,
    "classes": {name: held(name) for name in CLASSES},
    "rustWord": "".join("1" if len(whitespace.pre_tokenize_str("x" + chr(point) + "x")) == 1 else "0" for point in POINTS),
}
replaced = [["a*", "aab"], ["x*", "ab"], ["^", "a\nb\n"], ["$", "a\nb\n"], [r"\Z", "a\n"], [r"\b", "a\u00b2 \u00bd"]]
result["replaced"] = [[p, t, normalizers.Replace(Regex(p), "X").normalize_str(t)] for p, t in replaced]
lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
with open(os.path.join(HERE, "hf", "patterns.json"), "w", encoding="utf-8") as file:
    file.write(json.dumps(result, separators=(",", ":"))[:-1] + ',"patterns":[\n' + lines + "\n]}\n")
