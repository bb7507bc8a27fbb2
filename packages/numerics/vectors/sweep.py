"""SHA-256 of the codes of all 2^32 float32 values, as ml_dtypes encodes them, for test/sweep.ts.

    python -m venv /tmp/vectors && /tmp/vectors/bin/pip install numpy==2.4.6 ml_dtypes==0.6.0
    /tmp/vectors/bin/python sweep.py        # writes sweep.json beside this file; about 10 minutes
    /tmp/vectors/bin/python sweep.py samples  # only `samples`; the other hashes stay as they are

`hashes`: one for each slice of 2^28 ascending bit patterns (16 slices). `samples`: one for the bit patterns i * 129
modulo 2^32, i < 2^25, which pass through all exponents of both signs. The codes are hashed as bytes (8-bit formats) or
little-endian uint16 (bfloat16). `saturate`: values are clipped to the greatest finite one first. NaN codes are made
canonical with their sign.
"""
import hashlib
import json
import pathlib
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
SAMPLES, STRIDE = 2**25, 129


def codes_of(bits, dtype, store, limit, nan):
    x = bits.view(np.float32)
    if limit is not None:
        x = np.clip(x, np.float32(-limit), np.float32(limit))
    codes = x.astype(dtype).view(store)
    is_nan = (bits & 0x7FFFFFFF) > 0x7F800000
    sign = ((bits >> 31) << (8 * codes.itemsize - 1)).astype(store)
    return np.where(is_nan, sign | np.array(nan, store), codes).astype(store)


def hash_of(chunks, *job):
    digest = hashlib.sha256()
    for bits in chunks:
        digest.update(codes_of(bits, *job).tobytes())
    return digest.hexdigest()


def slice_chunks(part):
    for start in range(part << 28, (part + 1) << 28, CHUNK):
        yield np.arange(start, start + CHUNK, dtype=np.uint32)


def sample_chunks():
    for start in range(0, SAMPLES, CHUNK):
        yield np.arange(start, start + CHUNK, dtype=np.uint32) * np.uint32(STRIDE)


path = pathlib.Path(__file__).with_name("sweep.json")
np.seterr(all="ignore")
hashes, samples = {}, {}
for name, mode, *job in JOBS:
    if "samples" not in sys.argv:
        hashes.setdefault(name, {})[mode] = [hash_of(slice_chunks(part), *job) for part in range(16)]
    samples.setdefault(name, {})[mode] = hash_of(sample_chunks(), *job)
    print(name, mode, file=sys.stderr, flush=True)
versions = {"ml_dtypes": ml_dtypes.__version__, "numpy": np.__version__, "python": sys.version.split()[0]}
if "samples" in sys.argv:
    hashes = json.loads(path.read_text())["hashes"]
path.write_text(json.dumps({**versions, "hashes": hashes, "samples": samples}, indent=1) + "\n")
