"""Golden vectors of single operations, made with PyTorch on the CPU.

    python3 -m venv /tmp/vectors
    /tmp/vectors/bin/pip install torch==2.8.0 numpy
    /tmp/vectors/bin/python make.py

writes special-values.json (what operations make of NaN, infinities, zeros and numbers near the limits, in float32) and
second-derivatives.json (gradients of a weighted sum of a gradient, in float64) beside this file. NaN and infinities are strings.
"""
import json
import math
import pathlib

import torch
import torch.nn.functional as F

HERE = pathlib.Path(__file__).parent
nan, inf = math.nan, math.inf


def plain(t):
    return [x if math.isfinite(x) else {True: "NaN"}.get(math.isnan(x), "Infinity" if x > 0 else "-Infinity") for x in t.double().flatten().tolist()]


def numbers(values):
    return plain(torch.tensor(values, dtype=torch.float64))


def special():
    xs = [nan, inf, -inf, 0.0, -0.0, 1e-8, -1e-8, 1e-40, -1e-40, 3.4e38, -3.4e38, -3e38, 1.0, -1.0, 0.3, -0.7, 0.999, 1.001, 5.0, -20.0, 88.0, 89.0, -87.0,
          -104.0, 1000.0, -1000.0, 4095.0, 4097.5, 6435.3, 1e4, 1e5, 1e6, -1e6, 1e7, 1.5e9, 1e10, 1e20, 3e38]
    x = torch.tensor(xs, dtype=torch.float32)
    unary = {
        "abs": torch.abs, "neg": torch.neg, "exp": torch.exp, "log": torch.log, "sqrt": torch.sqrt, "rsqrt": torch.rsqrt, "square": torch.square,
        "sin": torch.sin, "cos": torch.cos, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "silu": F.silu, "floor": torch.floor,
        # torch.sign(NaN) is 0; NumPy's, JAX's and ours is NaN.
        "sign": lambda v: torch.where(torch.isnan(v), v, torch.sign(v)),
    }
    ys = [nan, inf, -inf, 0.0, -0.0, 1.0, -2.5, 3e38]
    a = torch.tensor([p for p in ys for _ in ys], dtype=torch.float32)
    b = torch.tensor([q for _ in ys for q in ys], dtype=torch.float32)
    binary = {
        "add": a + b, "sub": a - b, "mul": a * b, "div": a / b, "maximum": torch.maximum(a, b), "minimum": torch.minimum(a, b), "equal": a == b,
        "notEqual": a != b, "less": a < b, "lessEqual": a <= b, "greater": a > b, "greaterEqual": a >= b,
    }
    rows = [[nan, 0.0, 1.0], [1.0, nan, 3.0], [inf, 0.0, 1.0], [-inf, 0.0, 1.0], [-inf] * 3, [-inf] * 8, [-3.2e38] * 4, [3.0, nan, 5.0, nan, 1.0, 7.0, 2.0, 0.0],
            [0.0] * 7 + [nan], [nan] + [1.0] * 7, [0.5] * 129 + [nan], [float(i) for i in range(64)] + [nan] + [0.0] * 191, [-inf] * 255 + [2.0]]
    over_rows = [
        {"x": numbers(r), "softmax": plain(torch.softmax(t, -1)), "logSoftmax": plain(torch.log_softmax(t, -1)), "logSumExp": plain(torch.logsumexp(t, -1)),
         "max": plain(torch.amax(t, -1)), "argMax": torch.argmax(t, -1).item(), "top2": plain(torch.topk(t, 2).values)}
        for r in rows for t in [torch.tensor(r, dtype=torch.float32)]
    ]
    ints = torch.tensor([0, 1, -1, 2**31 - 1, -(2**31), 16777217, -16777219], dtype=torch.int32)
    casts = {
        "int32": ints.tolist(), "uint32": [v & 0xFFFFFFFF for v in ints.tolist()], "int32 as float32": plain(ints.float()),
        "uint32 as float32": plain(ints.to(torch.uint32).to(torch.float32)),
    }
    casts["int32 to uint32"] = ints.to(torch.uint32).to(torch.int64).tolist()
    return {"torch": torch.__version__, "x": numbers(xs), "unary": {k: plain(f(x)) for k, f in unary.items()}, "a": plain(a), "b": plain(b),
            "binary": {k: plain(v) for k, v in binary.items()}, "rows": over_rows, "casts": casts}


def wave(shape, k):
    """The values both sides use: sin(1 + i k)."""
    n = math.prod(shape)
    return torch.tensor([math.sin(1 + i * k) for i in range(n)], dtype=torch.float64).reshape(shape)


def rms_norm(x, w):
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5) * w


def cross_entropy(x, ids, z):
    lse = torch.logsumexp(x, -1)
    return lse - x.gather(-1, ids[:, None])[:, 0] + z * lse * lse


def attention(q, k, v):
    group = q.shape[2] // k.shape[2]
    q, k, v = (t.transpose(1, 2) for t in (q, k.repeat_interleave(group, 2), v.repeat_interleave(group, 2)))
    s = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    mask = torch.ones(s.shape[-2:], dtype=torch.bool).tril(s.shape[-1] - s.shape[-2])
    return (s.masked_fill(~mask, -math.inf).softmax(-1) @ v).transpose(1, 2)


def second():
    ids = torch.tensor([1, 3])
    cases = {
        "rmsNorm": (rms_norm, [[2, 6], [6]]),
        "crossEntropy": (lambda x: cross_entropy(x, ids, 0.1), [[2, 5]]),
        "linearCrossEntropy": (lambda x, w: cross_entropy(x @ w.T, ids, 0.05), [[2, 4], [5, 4]]),
        "attention": (attention, [[1, 3, 4, 4], [1, 4, 2, 4], [1, 4, 2, 4]]),
        "softmax": (lambda x: torch.softmax(x, -1), [[2, 5]]),
        "logSoftmax": (lambda x: torch.log_softmax(x, -1), [[2, 5]]),
        "logSumExp": (lambda x: torch.logsumexp(x, -1), [[2, 5]]),
        "silu": (F.silu, [[7]]),
        "swiglu": (lambda a, b: F.silu(a) * b, [[7], [7]]),
        "max": (lambda x: torch.amax(x, -1).square(), [[2, 5]]),
        "topK": (lambda x: torch.topk(x, 2).values.square(), [[2, 5]]),
    }
    out = {}
    for name, (f, shapes) in cases.items():
        xs = [wave(s, 2 * i + 1).requires_grad_() for i, s in enumerate(shapes)]
        y = f(*xs)
        first = torch.autograd.grad((y * wave(y.shape, 0.7)).sum(), xs, create_graph=True)
        loss = sum((g * wave(g.shape, 0.3 + i)).sum() for i, g in enumerate(first))
        twice = torch.autograd.grad(loss, xs, allow_unused=True)
        out[name] = {"shapes": shapes, "first": [plain(g.detach()) for g in first],
                     "second": [plain(t if t is not None else torch.zeros_like(x)) for t, x in zip(twice, xs)]}
    return {"torch": torch.__version__, "cases": out}


for name, value in {"special-values": special(), "second-derivatives": second()}.items():
    (HERE / f"{name}.json").write_text(json.dumps(value, separators=(",", ":")) + "\n")
