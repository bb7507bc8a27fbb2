"""The Megatron-LM flags of LLM-jp's own launch scripts, model by model: llm-jp-launches.json.

Usage: python make_llm_jp_launches.py PATH_OF_A_CLONE_OF_llm-jp/scripts > llm-jp-launches.json
Read at commit 0a703870 (main) and the heads of branches v3-440m (a1deaf1) and v3-8x13b-exp1 (e9d4d7b). Paths, data lists and names of
jobs are left out. A value that the script takes from its caller is written as the variable's name.
"""
import json
import re
import shlex
import subprocess
import sys

SOURCES = {
    "llm-jp-3-150m": ("main", "v3-152m-sakura/train.sh"),
    "llm-jp-3-440m": ("v3-440m", "v3-440m-sakura/train.sh"),
    "llm-jp-3-980m": ("main", "v3-980m-sakura/train.sh"),
    "llm-jp-3-1.8b": ("main", "v3-1.8b-exp2-sakura/train.sh"),
    "llm-jp-3-3.7b": ("main", "v3-3.8b-exp1-sakura/train.sh"),
    "llm-jp-3-7.2b": ("main", "v3-7.3b-exp1-sakura/train.sh"),
    "llm-jp-3-13b": ("main", "v3-13b-exp4-sakura/train.sh"),
    "llm-jp-3-172b": ("main", "v3-172b-exp2-sakura/train.sh"),
    "llm-jp-3-8x1.8b": ("main", "v3-8x1.8b-exp2-sakura/train.sh"),
    "llm-jp-3-8x13b": ("v3-8x13b-exp1", "v3-8x13b-exp1-sakura/train.sh"),
    "llm-jp-4-8b": ("main", "v4-8b-phase1/base/params.sh"),
    "llm-jp-4-8b-phase2": ("main", "v4-8b-phase2/base/params.sh"),
    "llm-jp-4-32b": ("main", "v4-32b-phase1/base/params.sh"),
    "llm-jp-4-32b-a3.8b": ("main", "v4-32b-a3.8b-phase1/base/params.sh"),
    "llm-jp-4-332b-a31b": ("main", "v4-332b-a31b-phase1/base/params.sh"),
    "llm-jp-4-291b-a27b": ("main", "v4-291b-a27b-phase1/base/params.sh"),
}
LEFT_OUT = re.compile(
    r"--(data-path|data-cache-path|load|save|tokenizer-model|wandb-\S+|tensorboard\S*|split|eval-interval|log-\S+|.*-logging)$"
)


def script(clone: str, branch: str, path: str) -> str:
    show = ["git", "-C", clone, "show", f"{branch}:pretrain/scripts/{path}"]
    return subprocess.run(show, check=True, capture_output=True, text=True).stdout


def words(text: str) -> list[str]:
    """Words of the launch: what ALL_PARAMS is given, or what follows pretrain_gpt.py."""
    text = "\n".join(re.sub(r"(^|\s)#.*", "", line) for line in text.splitlines())
    variables = dict(re.findall(r"^(\w+)=([\w.+-]+|\"[^\"$]*\")\s*$", text, re.M))

    def arithmetic(match: re.Match) -> str:
        inside = re.sub(r"\$\{?(\w+)\}?", lambda m: variables.get(m[1], m[0]), match[2])
        inside = re.sub(r"\b([A-Z_]+)\b", lambda m: variables.get(m[1], m[1]), inside)
        if re.fullmatch(r"[\d\s+*/-]+", inside):
            variables[match[1]] = str(int(eval(inside)))  # noqa: S307: digits and signs alone
        return match[0]

    re.sub(r"^(\w+)=\$\(\((.*?)\)\)\s*$", arithmetic, text, flags=re.M)
    parts = re.findall(r"^\w+_(?:PARAMS|ARGS)\+?=\(([^)]*)\)", text, re.M)
    if parts:
        found = " ".join(parts)
    else:
        found = text.replace("\\\n", " ").split("pretrain_gpt.py", 1)[1].splitlines()[0].rstrip(" \\")
    found = re.sub(r"\$\{(\w+):-(\w+)\}", r"\2", found)
    found = re.sub(r"\$\{?(\w+)(\[@\])?\}?", lambda m: variables.get(m[1], m[1]), found)
    return shlex.split(found)


def flags(given: list[str]) -> dict[str, list[str]]:
    taken: dict[str, list[str]] = {}
    name = None
    for word in given:
        if word.startswith("--"):
            name = word
            taken[name] = []
        elif name and word not in ("", "\\"):
            taken[name].append(word)
    return {name: values for name, values in taken.items() if not LEFT_OUT.match(name)}


if __name__ == "__main__":
    rows = {
        model: {"source": f"{branch}:pretrain/scripts/{path}", "flags": flags(words(script(sys.argv[1], branch, path)))}
        for model, (branch, path) in SOURCES.items()
    }
    lines = [f" {json.dumps(model)}: {json.dumps(row)}" for model, row in rows.items()]
    print("{\n" + ",\n".join(lines) + "\n}")
