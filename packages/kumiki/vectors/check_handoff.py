"""Holds what `kumiki handoff` wrote against Megatron-LM's own parser and reader, and against Transformers.

    kumiki handoff RUN --out FOLDER --gpu H100 --gpus-per-node 2 --nodes 1
    node --conditions=source --import tsx vectors/handoff_logits.mjs FOLDER
    python check_handoff.py FOLDER CLONE_OF_Megatron-LM [CLONE_OF_Megatron-Bridge]

Read back so with Megatron-LM d98e8a64, torch 2.15.0, Transformers 5.24.0: arguments parsed and validated, every token equal, logits within 6e-7;
the conversion parsed and validated by Megatron-Bridge 067f987d (scripts/conversion; its launcher nemo_run is not needed for that).
"""
import json
import os
import shlex
import sys

import typing

import numpy as np
import torch
import typing_extensions

# Megatron-LM is written for Python 3.12.
if not hasattr(typing, "override"):
    typing.override = typing_extensions.override

folder, clone = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
bridge = os.path.abspath(sys.argv[3]) if len(sys.argv) > 3 else None
sys.path.insert(0, clone)
os.chdir(folder)
handoff = json.load(open("handoff.json"))

# 1. Arguments.
for script in ("launch.sh", "launch.slurm"):
    text = open(script).read().replace("\\\n", " ")
    line = next(line for line in text.splitlines() if "pretrain_gpt.py" in line)
    words = shlex.split(line)
    at = next(i for i, word in enumerate(words) if word.endswith("pretrain_gpt.py"))
    os.environ.update(WORLD_SIZE="2", RANK="0", LOCAL_RANK="0", CUDA_DEVICE_MAX_CONNECTIONS="1")
    sys.argv = ["pretrain_gpt.py", *words[at + 1 :]]
    from megatron.training.arguments import parse_args, validate_args

    args = validate_args(parse_args(), {})
    assert args.train_iters == handoff["stepsLeft"] and args.global_batch_size == handoff["globalBatchSize"]
    assert args.pretrained_checkpoint == "imported" and args.seq_length == handoff["sequenceLength"]
    assert abs(args.lr - handoff["rates"][0]["launch"]) < 1e-12 or args.lr_warmup_iters > 0, args.lr
    print(script, "parsed and validated")

# 2. The conversion's command line.
if bridge:
    import types

    for name in ("nemo_run", "nemo_run.config", "torchx", "torchx.specs", "torchx.specs.api"):
        sys.modules.setdefault(name, types.ModuleType(name))
    sys.modules["nemo_run.config"].get_nemorun_home = lambda: ""
    sys.modules["torchx.specs.api"].AppState = None
    run = sys.modules["nemo_run"]
    run.Script = run.Experiment = object
    sys.path.insert(0, os.path.join(bridge, "scripts", "conversion"))
    from arguments import build_parser
    from setup_conversion import _validate_args

    text = os.path.expandvars(open("convert.sh").read().replace("$HANDOFF", folder))
    line = next(line for line in text.splitlines() if "convert.sh import" in line)
    asked = build_parser(include_execution=True).parse_args(shlex.split(line)[1:])
    _validate_args(asked)
    assert asked.command == "import" and asked.device == "cpu" and os.path.isdir(asked.hf_model)
    assert asked.megatron_path == os.path.join(folder, "imported") and asked.torch_dtype == "bfloat16"
    print("convert.sh parsed and validated")

# 3. Data.
from megatron.core.datasets.indexed_dataset import IndexedDataset
from transformers import LlamaTokenizerFast  # noqa: F401  (Transformers reads the tokenizer's files)

for part in handoff["data"]:
    dataset = IndexedDataset(part["prefix"])
    assert len(dataset) == part["documents"], (len(dataset), part)
    tokens = sum(len(dataset[i]) for i in range(len(dataset)))
    assert tokens == part["tokens"], (tokens, part)
    raw = np.fromfile(part["prefix"] + ".bin", dtype=dataset[0].dtype)
    assert np.array_equal(raw, np.concatenate([dataset[i] for i in range(len(dataset))]))
    print(part["prefix"], len(dataset), "documents,", tokens, "tokens read")

# 4. Weights.
from transformers import AutoModelForCausalLM

expected = json.load(open("logits.json"))
model = AutoModelForCausalLM.from_pretrained("model", dtype=torch.float32)
with torch.no_grad():
    logits = model(torch.tensor([expected["ids"]])).logits[0].numpy().ravel()
worst = np.abs(logits - np.array(expected["logits"], dtype=np.float32)).max()
print("logits of Transformers differ by", worst, "at most")
assert worst < 2e-5
