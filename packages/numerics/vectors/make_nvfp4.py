"""Golden vectors for NVFP4, by the recipe of arXiv:2509.25149 written out in NumPy float32 with ml_dtypes' casts.

    python -m venv /tmp/vectors && /tmp/vectors/bin/pip install numpy==2.4.6 ml_dtypes==0.6.0 && /tmp/vectors/bin/python make_nvfp4.py > nvfp4.json

Inputs: sin(1.3 i) * 2^((i // 16) % 24 - 12) in double precision, then float32; one block of zeros.
"""
import json
import sys

import ml_dtypes
import numpy as np

f32 = np.float32
n = 16 * 40
i = np.arange(n)
# Multiples of 2^-10 times a power of two: every platform's sine gives the same.
x = (np.round(np.sin(1.3 * i) * 1024) / 1024 * 2.0 ** ((i // 16) % 24 - 12)).astype(f32)
x[32:48] = 0
amax = np.max(np.abs(x))
inverse = np.minimum(f32(448 * 6) / amax, np.finfo(f32).max)
tensor_scale = f32(1) / inverse
blocks = x.reshape(-1, 16)
scale = (np.max(np.abs(blocks), axis=1) / f32(6) * inverse).astype(f32)
scales = np.clip(scale, 0, f32(448)).astype(ml_dtypes.float8_e4m3fn)
decoded = (scales.astype(f32) * tensor_scale).astype(f32)
with np.errstate(divide="ignore"):
    factor = np.where(decoded == 0, f32(0), np.minimum(f32(1) / decoded, np.finfo(f32).max)).astype(f32)
scaled = (blocks * factor[:, None]).astype(f32)
codes = np.clip(scaled, -6, 6).astype(ml_dtypes.float4_e2m1fn)
back = (codes.astype(f32) * decoded[:, None]).astype(f32)
json.dump(
    {
        "ml_dtypes": ml_dtypes.__version__, "numpy": np.__version__, "x": [int(b) for b in x.view(np.uint32)], "tensorScale": float(tensor_scale),
        "scales": [int(c) for c in scales.view(np.uint8)], "codes": [int(c) for c in codes.reshape(-1).view(np.uint8)], "values": [int(b) for b in back.reshape(-1).view(np.uint32)],
    },
    sys.stdout,
    separators=(",", ":"),
)
print()
