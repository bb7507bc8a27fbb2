"""Golden vectors for the number formats, made with ml_dtypes.

    python -m venv /tmp/vectors && /tmp/vectors/bin/pip install numpy==2.4.6 ml_dtypes==0.6.0 && /tmp/vectors/bin/python make.py > formats.json

For each format: its decoded values as float32 bits (formats of 8 bits and fewer) or their SHA-256 (16-bit formats), and SHA-256 of the codes, as
little-endian uint16, of two lists of float32 inputs: `edges` (each finite value v >= 0, the midpoint to its successor, and both float32 neighbours
of these two; then all of them negated) and `random` (2^18 bit patterns of a linear congruential generator).

NaN codes are made canonical with their sign. Where a format has no NaN, ml_dtypes encodes one as -0; here, as in the package, it is the greatest
finite value with the NaN's sign. `once`: codes of doubles rounded once. `saturate`: values are clipped to the greatest finite one first (for float8_e8m0fnu zero becomes the smallest one).
"""
import hashlib
import json
import math
import sys
from fractions import Fraction

import ml_dtypes
import numpy as np

# dtype, storage, bits, signed, greatest finite code, canonical NaN (or what stands for it)
FORMATS = {
    "bfloat16": (ml_dtypes.bfloat16, np.uint16, 16, True, 0x7F7F, 0x7FC0),
    "float16": (np.float16, np.uint16, 16, True, 0x7BFF, 0x7E00),
    "float8_e4m3fn": (ml_dtypes.float8_e4m3fn, np.uint8, 8, True, 0x7E, 0x7F),
    "float8_e5m2": (ml_dtypes.float8_e5m2, np.uint8, 8, True, 0x7B, 0x7E),
    "float8_e4m3fnuz": (ml_dtypes.float8_e4m3fnuz, np.uint8, 8, True, 0x7F, 0x80),
    "float8_e5m2fnuz": (ml_dtypes.float8_e5m2fnuz, np.uint8, 8, True, 0x7F, 0x80),
    "float8_e4m3b11fnuz": (ml_dtypes.float8_e4m3b11fnuz, np.uint8, 8, True, 0x7F, 0x80),
    "float8_e3m4": (ml_dtypes.float8_e3m4, np.uint8, 8, True, 0x6F, 0x78),
    "float8_e8m0fnu": (ml_dtypes.float8_e8m0fnu, np.uint8, 8, False, 0xFE, 0xFF),
    "float6_e2m3fn": (ml_dtypes.float6_e2m3fn, np.uint8, 6, True, 0x1F, 0x1F),
    "float6_e3m2fn": (ml_dtypes.float6_e3m2fn, np.uint8, 6, True, 0x1F, 0x1F),
    "float4_e2m1fn": (ml_dtypes.float4_e2m1fn, np.uint8, 4, True, 0x7, 0x7),
}


def sha(array, kind):
    return hashlib.sha256(np.ascontiguousarray(array.astype(kind)).tobytes()).hexdigest()


def decoded(dtype, store, bits):
    codes = np.arange(2**bits, dtype=np.uint32).astype(store)
    words = codes.view(dtype).astype(np.float32).view(np.uint32)
    return np.where((words & 0x7FFFFFFF) > 0x7F800000, np.uint32(0x7FC00000), words)


def edges(values, top, signed):
    v = values[: top + 1].astype(np.float64)
    after = np.append(v[1:], v[top] + (v[top] - v[top - 1]) if signed else 2 * v[top])
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


def encode(words, fmt, limit=None, zero=False):
    dtype, store, bits, signed, _, nan = fmt
    x = words.view(np.float32)
    if limit is not None:
        x = np.where(np.isnan(x), x, np.clip(x, -limit if signed else None, limit)).astype(np.float32)
    codes = x.astype(dtype).view(store).astype(np.uint16)
    sign = np.where((words >> 31) & signed, np.uint16(1 << (bits - 1)), np.uint16(0))
    is_nan = np.isnan(x) | np.isnan(codes.astype(store).view(dtype).astype(np.float32))
    codes = np.where(is_nan, sign | np.uint16(nan), codes).astype(np.uint16)
    return np.where(x == 0, np.uint16(0), codes).astype(np.uint16) if zero and not signed else codes


def toward_zero(words, fmt, limit):
    """Nearest, then one code down where that went away from zero; finite inputs stop at the greatest finite value."""
    dtype, store = fmt[:2]
    codes = encode(words, fmt, limit)
    back = codes.astype(store).view(dtype).astype(np.float32)
    x = words.view(np.float32)
    with np.errstate(invalid="ignore"):
        down = (np.abs(back) > np.abs(x)) & (codes != 0)
        codes = np.where(down, codes - 1, codes).astype(np.uint16)
    # Where negative zero is the NaN, what is cut to zero loses its sign.
    return np.where((codes == 0x80) & ~np.isnan(x), np.uint16(0), codes) if fmt[5] == 0x80 else codes


SELECTED = [0x00000000, 0x80000000, 0x00000001, 0x80000001, 0x3F800000, 0xBF800000, 0x7F7FFFFF, 0xFF7FFFFF, 0x7F800000, 0xFF800000,
            0x7FC00000, 0xFFC00000, 0x7F800001, 0x43E00000, 0x43E80000, 0x43E80001, 0x43F00000, 0x47600000, 0x47700000, 0x477FEFFF, 0x477FF000]

result = {"ml_dtypes": ml_dtypes.__version__, "numpy": np.__version__, "python": sys.version.split()[0], "formats": {}}
noise = random_bits(2**18)
finite_noise = noise[(noise & 0x7F800000) != 0x7F800000]
for name, fmt in FORMATS.items():
    dtype, store, bits, signed, top, nan = fmt
    table = decoded(dtype, store, bits)
    values = table.view(np.float32)
    edge = edges(values, top, signed)
    limit = values[top]
    with np.errstate(over="ignore"):
        chosen = np.array(SELECTED, dtype=np.uint32)
        entry = {
            "decoded": sha(table, "<u4"),
            "edgeCount": len(edge),
            "edges": sha(edge, "<u4"),
            "overflow": {"edges": sha(encode(edge, fmt), "<u2"), "random": sha(encode(noise, fmt), "<u2")},
            "saturate": {"edges": sha(encode(edge, fmt, limit, True), "<u2"), "random": sha(encode(noise, fmt, limit, True), "<u2")},
            "towardZero": {"edges": sha(toward_zero(edge, fmt, limit), "<u2"), "finiteRandom": sha(toward_zero(finite_noise, fmt, limit), "<u2")},
            "selected": [[int(b), int(a), int(s)] for b, a, s in zip(chosen, encode(chosen, fmt), encode(chosen, fmt, limit, True))],
        }
    if store is np.uint8:
        entry["table"] = [int(b) for b in table]
    info = ml_dtypes.finfo(dtype)
    entry["finfo"] = {k: float(getattr(info, k)) for k in ("bits", "max", "min", "eps", "smallest_normal", "smallest_subnormal")}
    result["formats"][name] = entry


def once(fmt):
    """Codes of doubles on, just under and just over each finite value and each midpoint, by exact arithmetic: rounded once."""
    dtype, store, bits, signed, top, _ = fmt
    values = [Fraction(float(v)) for v in decoded(dtype, store, bits).view(np.float32)[: top + 1].astype(np.float64)]
    step = max(1, top // 300)
    inputs, codes = [], []
    for code in range(1, top, step):
        for at, below, above in (
            (values[code], None, None),
            ((values[code] + values[code + 1]) / 2, code, code + 1),
        ):
            x = float(at)
            for y in (math.nextafter(x, 0), x, math.nextafter(x, math.inf), x * (1 - 2**-40), x * (1 + 2**-40)):
                if below is None:
                    wanted = code
                elif Fraction(y) == at:
                    # A tie: to the even code; of powers of two, up.
                    wanted = above if (below % 2 == 1 or not signed) else below
                else:
                    wanted = below if Fraction(y) < at else above
                inputs.append(y)
                codes.append(wanted)
    return {"count": len(inputs), "inputs": hashlib.sha256(np.array(inputs, "<f8").tobytes()).hexdigest(), "codes": sha(np.array(codes), "<u2")}


for name, fmt in FORMATS.items():
    result["formats"][name]["once"] = once(fmt)
json.dump(result, sys.stdout, separators=(",", ":"))
print()
