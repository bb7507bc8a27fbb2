"""Makes megatron-{uint16,int32}.{bin,idx} with Megatron-LM's own writer, and reads files with its own reader.

    pip download --no-deps megatron-core==0.16.1 -d wheel && (cd wheel && unzip -q *.whl)
    python -m venv venv && venv/bin/pip install numpy
    venv/bin/python make-indexed-dataset.py wheel            # writes the vectors
    venv/bin/python make-indexed-dataset.py wheel PREFIX     # prints a dataset as Megatron-LM reads it

Only megatron/core/datasets/indexed_dataset.py is loaded, so torch is replaced by the two names it mentions.
"""

import importlib.util
import sys
import types
from pathlib import Path

import numpy

wheel, here = Path(sys.argv[1]), Path(__file__).parent


def stub(name, **members):
    module = types.ModuleType(name)
    module.__dict__.update(members)
    sys.modules[name] = module
    return module


dataset_class = type("Dataset", (), {})
data = stub("torch.utils.data", Dataset=dataset_class)
stub("torch", Tensor=object, utils=stub("torch.utils", data=data))
names = (
    "S3Config ObjectStorageConfig cache_index_file dataset_exists get_index_cache_path "
    "get_object_storage_access is_object_storage_path parse_s3_path"
).split()
stub("megatron.core.datasets.object_storage_utils", **dict.fromkeys(names, object))
sys.modules["megatron.core.datasets.object_storage_utils"].is_object_storage_path = lambda path: False
feature = type("Feature", (), {"is_enabled": staticmethod(lambda: False)})
stub("megatron.core.msc_utils", MultiStorageClientFeature=feature)
stub("megatron.core.utils", log_single_rank=lambda *args, **kwargs: None)

spec = importlib.util.spec_from_file_location("indexed_dataset", wheel / "megatron/core/datasets/indexed_dataset.py")
megatron = importlib.util.module_from_spec(spec)
spec.loader.exec_module(megatron)

if len(sys.argv) > 2:
    dataset = megatron.IndexedDataset(sys.argv[2], mmap=True)
    print(dataset.index.dtype.__name__, len(dataset), dataset.document_indices.tolist())
    for i in range(len(dataset)):
        print(dataset[i].tolist())
else:
    for dtype, top in ((numpy.uint16, 65498), (numpy.int32, 196607)):
        prefix = str(here / f"megatron-{dtype.__name__}")
        builder = megatron.IndexedDatasetBuilder(prefix + ".bin", dtype=dtype)
        builder.add_document([1, 2, top], [3])
        builder.add_document([7], [1])
        # In the int32 file the last document has two sequences.
        builder.add_document([0, 5, 6, 8, 9], [5] if dtype is numpy.uint16 else [2, 3])
        builder.finalize(prefix + ".idx")
