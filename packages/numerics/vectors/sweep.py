"""SHA-256 of the codes of all 2^32 float32 values, as ml_dtypes encodes them: what test/sweep.ts is held against.

    python -m venv /tmp/vectors && /tmp/vectors/bin/pip install numpy==2.4.6 ml_dtypes==0.6.0 && /tmp/vectors/bin/python sweep.py > sweep.json

One hash a slice of 2^28 ascending bit patterns (16 slices), over the codes as bytes (8-bit formats) or little-endian uint16 (bfloat16).
`saturate`: values are clipped to the greatest finite one first. NaN codes are made canonical with their sign. Takes about 10 minutes.
"""
import hashlib
import json
import sys

import ml_dtypes
import numpy as np

JOBS = [
    ("bfloat16", "overflow", ml_dtypes.bfloat16, "<u2", None, 0x7FC0),
    ("float8_e4m3fn", "overflow", ml_dtypes.float8_e4m3fn, "u1", None, 0x7F),
    ("float8_e4m3fn", "saturate", ml_dtypes.float8_e4m3fn, "u1", 448.0, 0x7F),
    ("float8_e5m2", "overflow", ml_dtypes.float8_e5m2, "u1", None, 0x7E),
    ("float8_e5m2", "saturate", ml_dtypes.float8_e5m2, "u1", 57344.0, 0x7E),
    ("float8_e4m3fnuz", "overflow", ml_dtypes.float8_e4m3fnuz, "u1", None, 0x80),
    ("float8_e5m2fnuz", "overflow", ml_dtypes.float8_e5m2fnuz, "u1", None, 0x80),
    ("float8_e3m4", "overflow", ml_dtypes.float8_e3m4, "u1", None, 0x78),
]
CHUNK = 2**22

result = {"ml_dtypes": ml_dtypes.__version__, "numpy": np.__version__, "python": sys.version.split()[0], "hashes": {}}
np.seterr(all="ignore")
for name, mode, dtype, store, limit, nan in JOBS:
    hashes = []
    for part in range(16):
        digest = hashlib.sha256()
        for start in range(part << 28, (part + 1) << 28, CHUNK):
            bits = np.arange(start, start + CHUNK, dtype=np.uint32)
            x = bits.view(np.float32)
            if limit is not None:
                x = np.clip(x, np.float32(-limit), np.float32(limit))
            codes = x.astype(dtype).view(store)
            if (start & 0x7F000000) == 0x7F000000:
                is_nan = (bits & 0x7FFFFFFF) > 0x7F800000
                sign = ((bits >> 31) << (8 * codes.itemsize - 1)).astype(store)
                codes = np.where(is_nan, sign | np.array(nan, store), codes).astype(store)
            digest.update(codes.tobytes())
        hashes.append(digest.hexdigest())
    result["hashes"].setdefault(name, {})[mode] = hashes
    print(name, mode, file=sys.stderr, flush=True)
json.dump(result, sys.stdout, indent=1)
print()
