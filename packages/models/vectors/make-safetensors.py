"""Makes safetensors-python.safetensors with the reference implementation.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install safetensors==0.8.0 numpy==2.4.6 ml_dtypes==0.6.0
    /tmp/venv/bin/python make-safetensors.py

Give a path to check a file instead: it prints every tensor as the reference implementation reads it.
"""

import sys
from pathlib import Path

import ml_dtypes
import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

here = Path(__file__).parent

if len(sys.argv) > 1:
    with safe_open(sys.argv[1], framework="np") as f:
        print(f.metadata())
        for name in f.keys():
            tensor = f.get_tensor(name)
            print(name, tensor.dtype, tensor.shape, tensor.ravel()[:4].tolist())
else:
    save_file(
        {
            "model.norm.weight": np.array([1.0, -2.5, 3.25], dtype=np.float32),
            "lm_head.weight": (np.arange(6).reshape(2, 3) / 4).astype(ml_dtypes.bfloat16),
            "half": np.array([[1.5], [-0.25]], dtype=np.float16),
            "ids": np.array([-1, 2**40, 7], dtype=np.int64),
            "i32": np.array([-5, 6], dtype=np.int32),
            "u32": np.array(4294967295, dtype=np.uint32),
            "bytes": np.array([0, 1, 255], dtype=np.uint8),
            "mask": np.array([True, False, True]),
            "empty": np.zeros((0, 4), dtype=np.float32),
            "f64": np.array([0.1]),
            "名前": np.array([9], dtype=np.int8),
        },
        here / "safetensors-python.safetensors",
        metadata={"format": "np", "note": "組木"},
    )
