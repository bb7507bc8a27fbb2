"""Makes megatron-batches-VERSION.json: what Megatron-LM's own dataset classes give, sample by sample.

    python -m venv venv && venv/bin/pip install numpy torch && venv/bin/pip install --no-deps megatron-core==0.16.1   # then with 0.8.0
    venv/bin/python make_megatron_batches.py --billion   # with a dataset of 1e9 tokens, for the newest version alone

Lengths and ids of the datasets are formulas (`length`, `token`), which the test has too. Of every case: the number of samples, the
datasets they are from (their SHA-256), and the SHA-256 of all tokens as int32, sample after sample.
"""

import hashlib
import json
import logging
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy
import torch
from megatron.core.datasets.blended_megatron_dataset_builder import BlendedMegatronDatasetBuilder
from megatron.core.datasets.gpt_dataset import GPTDataset, GPTDatasetConfig
from megatron.core.datasets.indexed_dataset import IndexedDatasetBuilder
import megatron.core

logging.disable(logging.CRITICAL)
here = Path(__file__).parent
version = megatron.core.__version__
EOD = 0


def length(dataset, i, least):
    return least + ((i * 2654435761 + dataset * 97 + 13) % 2**32 >> 7) % 60


def token(dataset, i, k, n):
    return EOD if k == n - 1 else (dataset * 7919 + i * 31 + k * 7) % 30000 + 1


def write(folder, dataset, count, least):
    prefix = f"{folder}/{dataset}-{count}-{least}"
    builder = IndexedDatasetBuilder(prefix + ".bin", dtype=numpy.uint16)
    for i in range(count):
        n = length(dataset, i, least)
        builder.add_document(torch.tensor([token(dataset, i, k, n) for k in range(n)], dtype=torch.int64), [n])
    builder.finalize(prefix + ".idx")
    return prefix


CASES = [
    {"name": "one dataset, less than an epoch", "counts": [300], "samples": 100, "seq": 64},
    {"name": "four epochs shuffled together", "counts": [200], "samples": 380, "seq": 64, "seed": 42},
    {"name": "three epochs, the last apart", "counts": [200], "samples": 200, "seq": 64, "seed": 7},
    {"name": "sequences of no tokens", "counts": [500], "least": 0, "samples": 600, "seq": 16, "seed": 2**32 - 1},
    {
        "name": "three weighted datasets, split, several epochs",
        "counts": [400, 90, 150], "weights": [3.3, 1.1, 0.7], "samples": 700, "seq": 32, "split": "90, 8,2",
    },
    {"name": "two datasets without weights", "counts": [120, 333], "samples": 150, "seq": 32, "split": "100,0,0"},
    {
        "name": "seventeen datasets, weights as token counts",
        "counts": [20 + 3 * i for i in range(17)],
        "weights": [float(1000003 * (i + 1) % 977 + 0.1 * i + 1e9 / (i + 3)) for i in range(17)],
        "samples": 900, "seq": 16, "split": "1,0,0",
    },
    {"name": "the valid split", "counts": [210, 77], "weights": [0.5, 0.25], "samples": 60, "seq": 16, "split": "90,10", "part": "valid"},
    {"name": "train data of its own", "counts": [100, 60], "weights": [1.0, 2.0], "samples": 200, "seq": 16, "split": None},
    {"name": "one dataset with a weight", "counts": [80], "weights": [5.0], "samples": 100, "seq": 32, "split": "1"},
    {"name": "positions and losses end with documents", "counts": [80], "samples": 60, "seq": 32, "split": "1", "reset": True},
]


def sha(array, dtype):
    return hashlib.sha256(numpy.ascontiguousarray(array, dtype=dtype).tobytes()).hexdigest()


def run(case, folder):
    part = ["train", "valid", "test"].index(case.get("part", "train"))
    prefixes = [write(folder, d, n, case.get("least", 2)) for d, n in enumerate(case["counts"])]
    blend = (prefixes, case.get("weights"))
    split = case.get("split", "100,0,0")
    sizes = [0, 0, 0]
    sizes[part] = case["samples"]
    reset = case.get("reset", False)
    tokenizer = SimpleNamespace(
        eod=EOD, pad=-1, vocab_size=32000, special_tokens_dict={}, unique_identifiers={}, bos=None, eos=EOD
    )
    config = GPTDatasetConfig(
        random_seed=case.get("seed", 1234),
        sequence_length=case["seq"],
        tokenizer=tokenizer,
        reset_position_ids=reset,
        reset_attention_mask=False,
        eod_mask_loss=reset,
        create_attention_mask=False,
        path_to_cache=None,
        **({"blend_per_split": [blend, None, None]} if split is None else {"blend": blend, "split": split}),
    )
    data = BlendedMegatronDatasetBuilder(GPTDataset, sizes, lambda: True, config).build()[part]
    rows, ids, positions, masks = [], [], [], []
    for i in range(len(data)):
        sample = data[i]
        rows.append(torch.cat([sample["tokens"], sample["labels"][-1:]]).numpy())
        ids.append(int(sample.get("dataset_id", 0)))
        positions.append(sample["position_ids"].numpy())
        masks.append(sample["loss_mask"].numpy())
    return {
        **case,
        "length": len(data),
        "datasets": sha(ids, "<i4"),
        "tokens": sha(numpy.stack(rows), "<i4"),
        **({"positions": sha(numpy.stack(positions), "<i4"), "lossMask": sha(numpy.stack(masks), "<i4")} if reset else {}),
    }


def shuffled(seed, count):
    array = numpy.arange(count, dtype=numpy.uint32)
    numpy.random.RandomState(seed).shuffle(array)
    return {"seed": seed, "count": count, "sha256": sha(array, "<u4")}


def billion(folder):
    """A dataset of 1e9 tokens, its .bin a hole: 2.5 million sequences of 200 to 599 tokens, 1.3 epochs."""
    prefix = f"{folder}/billion"
    i = numpy.arange(2_500_000, dtype=numpy.uint64)
    lengths = (200 + (i * 2654435761 % 2**32 >> 7) % 400).astype(numpy.int32)
    builder = IndexedDatasetBuilder(prefix + ".bin", dtype=numpy.uint16)
    builder.sequence_lengths = lengths.tolist()
    builder.document_indices = list(range(len(lengths) + 1))
    builder.finalize(prefix + ".idx")
    with open(prefix + ".bin", "r+b") as file:
        file.truncate(2 * int(lengths.sum()))
    tokenizer = SimpleNamespace(eod=EOD, pad=-1, vocab_size=32000, special_tokens_dict={}, unique_identifiers={})
    config = GPTDatasetConfig(
        random_seed=1234, sequence_length=4096, tokenizer=tokenizer, reset_position_ids=False, reset_attention_mask=False,
        eod_mask_loss=False, create_attention_mask=False, path_to_cache=None, blend=([prefix], None), split="100,0,0",
    )
    samples = int(1.3 * int(lengths.sum()) / 4096)
    data = BlendedMegatronDatasetBuilder(GPTDataset, [samples, 0, 0], lambda: True, config).build()[0]
    return {
        "tokens": int(lengths.sum()), "samples": samples, "seq": 4096, "seed": 1234,
        "documentIndex": sha(data.document_index, "<i4"), "shuffleIndex": sha(data.shuffle_index, "<u4"),
        "sampleIndex": [data.sample_index[k].tolist() for k in range(0, len(data) + 1, 40_000)],
    }


with tempfile.TemporaryDirectory() as folder:
    result = {
        "versions": {"megatron-core": version, "numpy": numpy.__version__, "python": sys.version.split()[0]},
        "shuffles": [shuffled(0, 10), shuffled(1234, 70000), shuffled(2**32 - 1, 65536)],
        "cases": [run(case, folder) for case in CASES],
        **({"billion": billion(folder)} if "--billion" in sys.argv else {}),
    }
(here / f"megatron-batches-{version}.json").write_text(json.dumps(result, indent=1) + "\n")
