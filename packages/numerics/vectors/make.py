"""Golden vectors for the number formats, made with ml_dtypes.

    python -m venv /tmp/vectors && /tmp/vectors/bin/pip install numpy ml_dtypes && /tmp/vectors/bin/python make.py > formats.json

For each format: the 256 decoded values (8-bit formats) or their SHA-256 (16-bit formats), and SHA-256 of the codes, as little-endian uint16,
of two lists of float32 inputs: `edges` (each finite value v >= 0, the midpoint to its successor, and both float32 neighbours of these two;
then all of them negated) and `random` (2^18 bit patterns of a linear congruential generator). NaN codes are made canonical with their sign.
"""
import hashlib
import json
import sys

import ml_dtypes
import numpy as np

FORMATS = {
    "bfloat16": (ml_dtypes.bfloat16, np.uint16, 0x7F7F, 0x7FC0, False),
    "float16": (np.float16, np.uint16, 0x7BFF, 0x7E00, False),
    "float8_e4m3fn": (ml_dtypes.float8_e4m3fn, np.uint8, 0x7E, 0x7F, True),
    "float8_e5m2": (ml_dtypes.float8_e5m2, np.uint8, 0x7B, 0x7E, True),
}


def sha(array, kind):
    return hashlib.sha256(np.ascontiguousarray(array.astype(kind)).tobytes()).hexdigest()


def decoded(dtype, store):
    codes = np.arange(2 ** (8 * np.dtype(store).itemsize), dtype=np.uint32).astype(store)
    bits = codes.view(dtype).astype(np.float32).view(np.uint32)
    return np.where((bits & 0x7FFFFFFF) > 0x7F800000, np.uint32(0x7FC00000), bits)


def edges(values, top):
    v = values[: top + 1].astype(np.float64)
    after = np.append(v[1:], v[top] + (v[top] - v[top - 1]))
    v = v.astype(np.float32).view(np.uint32)
    middle = ((values[: top + 1].astype(np.float64) + after) / 2).astype(np.float32).view(np.uint32)
    one = np.uint32(1)
    rows = [np.maximum(v, one) - one, v, v + one, middle - one, middle, middle + one]
    flat = np.stack(rows, axis=1).reshape(-1)
    return np.concatenate([flat, flat | np.uint32(0x80000000)])


def random_bits(n):
    out, x = np.empty(n, dtype=np.uint32), 12345
    for i in range(n):
        x = (x * 1664525 + 1013904223) & 0xFFFFFFFF
        out[i] = x
    return out


def encode(bits, dtype, store, nan, limit=None):
    x = bits.view(np.float32)
    if limit is not None:
        x = np.where(np.isnan(x), x, np.clip(x, -limit, limit)).astype(np.float32)
    codes = x.astype(dtype).view(store).astype(np.uint16)
    sign = np.uint16(1 << (8 * np.dtype(store).itemsize - 1))
    is_nan = np.isnan(codes.astype(store).view(dtype).astype(np.float32))
    return np.where(is_nan, (codes & sign) | np.uint16(nan), codes).astype(np.uint16)


def toward_zero(bits, dtype, store, nan, limit):
    """Nearest, then one code down where that went away from zero; finite inputs stop at the greatest finite value."""
    codes = encode(bits, dtype, store, nan, limit)
    back = codes.astype(store).view(dtype).astype(np.float32)
    x = bits.view(np.float32)
    with np.errstate(invalid="ignore"):
        return np.where(np.abs(back) > np.abs(x), codes - 1, codes).astype(np.uint16)


SELECTED = [0x00000000, 0x80000000, 0x00000001, 0x80000001, 0x3F800000, 0xBF800000, 0x7F7FFFFF, 0xFF7FFFFF, 0x7F800000, 0xFF800000,
            0x7FC00000, 0xFFC00000, 0x7F800001, 0x43E00000, 0x43E80000, 0x43E80001, 0x43F00000, 0x47600000, 0x47700000, 0x477FEFFF, 0x477FF000]

result = {"ml_dtypes": ml_dtypes.__version__, "numpy": np.__version__, "python": sys.version.split()[0], "formats": {}}
noise = random_bits(2**18)
finite_noise = noise[(noise & 0x7F800000) != 0x7F800000]
for name, (dtype, store, top, nan, saturates) in FORMATS.items():
    table = decoded(dtype, store)
    values = table.view(np.float32)
    edge = edges(values, top)
    limit = values[top]
    with np.errstate(over="ignore"):
        chosen = np.array(SELECTED, dtype=np.uint32)
        entry = {
            "decoded": sha(table, "<u4"),
            "edgeCount": len(edge),
            "edges": sha(edge, "<u4"),
            "overflow": {"edges": sha(encode(edge, dtype, store, nan), "<u2"), "random": sha(encode(noise, dtype, store, nan), "<u2")},
            "saturate": {"edges": sha(encode(edge, dtype, store, nan, limit), "<u2"), "random": sha(encode(noise, dtype, store, nan, limit), "<u2")},
            "towardZero": {"edges": sha(toward_zero(edge, dtype, store, nan, limit), "<u2"), "finiteRandom": sha(toward_zero(finite_noise, dtype, store, nan, limit), "<u2")},
            "selected": [[int(b), int(a), int(s)] for b, a, s in zip(chosen, encode(chosen, dtype, store, nan), encode(chosen, dtype, store, nan, limit))],
        }
    if store is np.uint8:
        entry["table"] = [int(b) for b in table]
    info = ml_dtypes.finfo(dtype)
    entry["finfo"] = {k: float(getattr(info, k)) for k in ("max", "eps", "smallest_normal", "smallest_subnormal")}
    result["formats"][name] = entry
json.dump(result, sys.stdout, separators=(",", ":"))
print()
