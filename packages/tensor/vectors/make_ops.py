"""Golden vectors of the operations by name, made with PyTorch on the CPU in float64.

    python3 -m venv venv && venv/bin/pip install torch numpy
    venv/bin/python make_ops.py

writes ops.json: for every case its inputs, its results, the gradients of their weighted sum by the float inputs and, where it is smooth, the
gradients of a weighted sum of those. Made with torch 2.15.0. Inputs are low + high waves that both sides know, or numbers. test/ops.test.ts
has the same cases under the same names.
"""
import json
import math
import pathlib

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
nan, inf = math.nan, math.inf


def plain(t):
    def one(x):
        return float(f"{x:.9g}") if math.isfinite(x) else "NaN" if math.isnan(x) else "Infinity" if x > 0 else "-Infinity"
    return [one(x) for x in t.detach().double().flatten().tolist()]


def wave(shape, k):
    n = math.prod(shape)
    return torch.tensor([math.sin(1 + i * k) for i in range(n)]).reshape(shape)


def w(*shape, low=-1.0, high=1.0):
    """A float input: a wave between two numbers."""
    return {"shape": list(shape), "low": low, "high": high}


def ids(shape, data):
    return {"shape": list(shape), "ints": data}


def numbers(*data):
    return {"shape": [len(data)], "data": list(data)}


CASES = []


def case(name, f, *inputs, second=True, gradient=True):
    CASES.append((name, f, inputs, gradient, second and gradient))


# Elementwise, around every bend and at it.
around = (w(), w(1), w(7, low=-4, high=4))
bends = numbers(-6.0, -3.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 3.0, 6.0, nan, inf, -inf)
smooth = {
    "gelu": F.gelu, "gelu tanh": lambda x: F.gelu(x, approximate="tanh"), "erf": torch.erf, "softplus": F.softplus, "logSigmoid": F.logsigmoid,
    "elu": F.elu, "expm1": torch.expm1, "atan": torch.atan, "sinh": torch.sinh, "cosh": torch.cosh, "tan": torch.tan,
    "hardSwish": F.hardswish,
}
for n, f in smooth.items():
    for s in around:
        case(n, f, s, second=n not in ("hardSwish",))
    case(n + " special", f, bends, gradient=False)
bent = {
    "relu": F.relu, "leakyRelu": lambda x: F.leaky_relu(x, 0.1), "hardSigmoid": F.hardsigmoid, "clamp": lambda x: torch.clamp(x, -0.5, 1.0),
    "clamp low": lambda x: torch.clamp(x, min=0.0), "ceil": torch.ceil, "round": torch.round, "trunc": torch.trunc,
}
for n, f in bent.items():
    case(n, f, w(0), second=False)
    case(n, f, w(9, low=-4, high=4), second=False)
    case(n, f, numbers(-1.5, -0.5, 0.0, 0.5, 1.0, 1.5, 2.5), second=False)
    case(n + " special", f, bends, gradient=False)
case("asin", torch.asin, w(7, low=-0.9, high=0.9))
case("acos", torch.acos, w(7, low=-0.9, high=0.9))
case("asin special", torch.asin, numbers(-1, 1, 0, 2, nan), gradient=False)
case("acos special", torch.acos, numbers(-1, 1, 0, 2, nan), gradient=False)
case("log1p", torch.log1p, w(7, low=-0.9, high=4))
case("log1p special", torch.log1p, numbers(-1, 0, 1e-9, 1e30, inf, -2, nan), gradient=False)
case("log2", torch.log2, w(7, low=0.1, high=9))
case("reciprocal", torch.reciprocal, w(7, low=0.5, high=3))
for n in (2.0, 3.0, 4.0, -1.0, -2.0, 0.5, -0.5, 1.7):
    case(f"pow {n:g}", lambda x, n=n: x ** n, w(5, low=0.3, high=2))
case("pow", torch.pow, w(3, 1, low=0.3, high=2), w(4, low=-2, high=3))
base = [-inf, -2.5, -1.0, -0.0, 0.0, 0.5, 1.0, 3.0, inf, nan]
case("pow special", torch.pow, numbers(*[a for a in base for _ in base]), numbers(*[b for _ in base for b in [-inf, -3.0, -2.0, -0.5, 0.0, 0.5, 2.0, 3.0, inf, nan]]), gradient=False)
case("atan2", torch.atan2, w(5), w(3, 1, low=-2, high=2))
case("atan2 special", torch.atan2, numbers(*[a for a in base for _ in base]), numbers(*[b for _ in base for b in base]), gradient=False)
case("mod", torch.remainder, w(9, low=-9, high=9), w(9, low=0.7, high=2), second=False)
case("mod special", torch.remainder, numbers(5, -5, 5, -5, 1, nan, 7, 0), numbers(3, 3, -3, -3, 0, 1, inf, 2), gradient=False)
case("isNaN", torch.isnan, bends, gradient=False)
case("isFinite", torch.isfinite, bends, gradient=False)
case("nanToNum", lambda x: torch.nan_to_num(x, 0.5, 3.4028234663852886e38, -3.4028234663852886e38), bends, second=False)
for n, f in {"logicalAnd": torch.logical_and, "logicalOr": torch.logical_or, "logicalXor": torch.logical_xor}.items():
    case(n, f, numbers(0, 1, 0, 2, nan), numbers(0, 0, 1, 1, 0), gradient=False)
case("logicalNot", torch.logical_not, numbers(0, 1, -2, nan), gradient=False)

# Reductions.
m = w(3, 5)
case("min", lambda x: torch.amin(x, 1), m, second=False)
case("min all", torch.amin, w(7), second=False)
case("min special", lambda x: torch.amin(x, -1), {"shape": [3, 2], "data": [1, nan, inf, -inf, -0.0, 3]}, gradient=False)
case("argMin", lambda x: torch.argmin(x, 0), m, gradient=False)
case("argMin special", lambda x: torch.argmin(x), numbers(3, 1, nan, 1), gradient=False)
case("argMax axis", lambda x: torch.argmax(x, 0), m, gradient=False)
case("prod", lambda x: torch.prod(x, 1), m)
case("prod zeros", lambda x: torch.prod(x, 1), {"shape": [3, 4], "data": [1, 2, 3, 4, 0, 2, 3, 4, 0, 0, 3, 4]})
case("prod all", torch.prod, w(7, low=0.5, high=2))
case("prod empty", lambda x: torch.prod(x, 1), w(2, 0), second=False)
case("any", lambda x: torch.any(x != 0, 1), {"shape": [3, 2], "data": [0, 0, 0, nan, 1, 0]}, gradient=False)
case("all", lambda x: torch.all(x != 0, 1), {"shape": [3, 2], "data": [0, 0, 1, nan, 1, 0]}, gradient=False)
case("any empty", lambda x: torch.any(x != 0, 1), w(2, 0), gradient=False)
case("all empty", lambda x: torch.all(x != 0, 1), w(2, 0), gradient=False)
case("variance", lambda x: torch.var(x, 1), m)
case("variance all", torch.var, m)
case("variance 0", lambda x: torch.var(x, [0, 1], correction=0, keepdim=True), m)
case("std", lambda x: torch.std(x, 0), m)
case("norm", lambda x: torch.linalg.vector_norm(x, 2, 1), m)
case("norm zero", lambda x: torch.linalg.vector_norm(x, 2, 1), numbers(0, 0, 0) | {"shape": [1, 3]}, second=False)
for p in (1, 3, 0, inf, -inf):
    case(f"norm {p}", lambda x, p=p: torch.linalg.vector_norm(x, p, -1), m, second=p == 3)
for axis in (0, 1, -1):
    case(f"softmax {axis}", lambda x, a=axis: torch.softmax(x, a), w(2, 3, 4))
    case(f"logSoftmax {axis}", lambda x, a=axis: torch.log_softmax(x, a), w(2, 3, 4))
    case(f"logSumExp {axis}", lambda x, a=axis: torch.logsumexp(x, a), w(2, 3, 4))
case("logSumExp 0 2", lambda x: torch.logsumexp(x, [0, 2], keepdim=True), w(2, 3, 4))

# Along an axis.
for n in (1, 7):
    case("cumsum", lambda x: torch.cumsum(x, -1), w(2, n))
    case("cumprod", lambda x: torch.cumprod(x, -1), w(2, n, low=0.5, high=2))
case("cumsum", lambda x: torch.cumsum(x, -1), w(2, 0), second=False)
case("cumsum reverse", lambda x: x.flip(0).cumsum(0).flip(0), w(5, 3))
case("cumsum special", lambda x: torch.cumsum(x, -1), numbers(1, inf, 2, -inf, nan, 1), gradient=False)
case("cumprod zeros", lambda x: torch.cumprod(x, -1), numbers(1, 2, 0, 3, 0, 4))
case("sort", lambda x: torch.sort(x, dim=-1, stable=True).values, w(2, 7))
case("sort 0", lambda x: torch.sort(x, dim=0, descending=True, stable=True).values, w(5, 3))
case("sort special", lambda x: torch.sort(x, dim=-1, stable=True).values, numbers(3, nan, -inf, inf, -0.0, 1, 1), gradient=False)
case("argSort", lambda x: torch.argsort(x, dim=-1, stable=True), numbers(3, 1, nan, 1, 2, 3), gradient=False)
case("argSort descending", lambda x: torch.argsort(x, dim=-1, descending=True, stable=True), numbers(3, 1, nan, 1, 2, 3), gradient=False)
g = ids([3, 4], [0, 1, 1, 4, 2, 2, 2, 0, 3, 1, 0, 3])
case("gather", lambda x, i: torch.take_along_dim(x, i, 1), m, g)
case("gather broadcast", lambda x, i: torch.take_along_dim(x, i, 1), w(1, 5), g)
case("scatterAdd", lambda x, i, s: torch.scatter_add(x, 1, i, s), m, g, w(3, 4))
case("scatter", lambda x, i, s: torch.scatter(x, 1, i, s), m, ids([3, 2], [0, 1, 4, 2, 3, 0]), w(3, 2))
case("oneHot", lambda i: F.one_hot(i, 4), ids([2, 2], [0, 3, 1, 1]), gradient=False)

# Shapes.
case("stack", lambda a, b: torch.stack([a, b], 1), w(2, 3), w(2, 3))
case("split", lambda x: torch.split(x, 2, 1), w(2, 5))
case("split sizes", lambda x: torch.split(x, [1, 3, 1], 1), w(2, 5))
case("squeeze", lambda x: torch.squeeze(x), w(1, 3, 1))
case("squeeze 0", lambda x: torch.squeeze(x, 0), w(1, 3, 1))
case("expandDims", lambda x: torch.unsqueeze(x, -1), w(2, 3))
case("pad", lambda x: F.pad(x, [1, 2, 0, 1], value=0.5), w(2, 3))
case("pad reflect", lambda x: F.pad(x[None], [2, 1], mode="reflect")[0], w(2, 4))
case("pad edge", lambda x: F.pad(x[None], [2, 1], mode="replicate")[0], w(2, 3))
case("pad wrap", lambda x: F.pad(x[None], [2, 1], mode="circular")[0], w(2, 3))
case("tril", torch.tril, w(2, 3, 4))
case("tril -1", lambda x: torch.tril(x, -1), w(4, 3))
case("triu", torch.triu, w(3, 4))
case("triu special", lambda x: torch.triu(x, 1), {"shape": [2, 2], "data": [nan, 1, inf, nan]}, gradient=False)
case("flip", lambda x: torch.flip(x, [0, 1]), w(2, 3))
case("roll", lambda x: torch.roll(x, 2, 1), w(2, 5))
case("roll back", lambda x: torch.roll(x, -7, 0), w(5))
case("repeat", lambda x: torch.repeat_interleave(x, 2, 1), w(2, 3))
case("tile", lambda x: torch.tile(x, [2, 1, 3]), w(2, 3))
case("diag", torch.diag, w(3))
case("diag matrix", torch.diag, w(3, 4))
case("trace", torch.trace, w(3, 3))
case("outer", torch.outer, w(3), w(4))
case("meshgrid", lambda a, b: torch.meshgrid(a, b, indexing="ij"), w(2), w(3))
case("eye", lambda: torch.eye(3, 4), gradient=False)
case("linspace", lambda: torch.linspace(-1, 2, 7), gradient=False)
case("ones", lambda: torch.ones(2, 3), gradient=False)

# Products, layers and losses.
for eq, shapes in {
    "ij,jk->ik": [(2, 3), (3, 4)], "bqhd,bkhd->bhqk": [(2, 3, 2, 4), (2, 5, 2, 4)], "ii->": [(3, 3)], "ii->i": [(3, 3)], "ij->ji": [(2, 3)], "ij->": [(2, 3)],
    "i,i->": [(3,), (3,)], "i,j->ij": [(3,), (2,)], "ij,ij->ij": [(2, 3), (2, 3)], "...i,ij->...j": [(2, 2, 3), (3, 4)], "ab,bc,cd->ad": [(2, 3), (3, 2), (2, 4)],
    "ij,jk": [(2, 3), (3, 4)], "ijk,il->kl": [(2, 3, 4), (2, 3)], "...ij,...jk->...ik": [(2, 1, 2, 3), (4, 3, 2)],
}.items():
    case(f"einsum {eq}", lambda *xs, eq=eq: torch.einsum(eq, *xs), *[w(*s) for s in shapes])
case("layerNorm", lambda x, a, b: F.layer_norm(x, [5], a, b), m, w(5), w(5))
case("layerNorm plain", lambda x: F.layer_norm(x, [5]), m)
case("groupNorm", lambda x, a, b: F.group_norm(x, 2, a, b), w(2, 4, 3), w(4), w(4))
case("batchNorm", lambda x, a, b: F.batch_norm(x, None, None, a, b, training=True), w(4, 3, 2), w(3), w(3))
case("batchNorm kept", lambda x, mu, v: (x - mu) * torch.rsqrt(v + 1e-5), w(4, 3), w(3), w(3, low=0.5, high=2), second=False)
case("conv1d", lambda x, k, b: F.conv1d(x, k, b, padding=1), w(2, 3, 5), w(4, 3, 3), w(4))
case("conv1d stride", lambda x, k: F.conv1d(x, k, stride=2, dilation=2, groups=2), w(1, 4, 9), w(6, 2, 2))
case("conv2d", lambda x, k: F.conv2d(x, k, padding=(1, 0), stride=(2, 1)), w(2, 2, 5, 4), w(3, 2, 3, 2))
case("maxPool1d", lambda x: F.max_pool1d(x, 3, 2), w(1, 2, 7), second=False)
case("maxPool2d", lambda x: F.max_pool2d(x, 2, padding=1), w(1, 2, 4, 5), second=False)
case("avgPool1d", lambda x: F.avg_pool1d(x, 3, 1, padding=1), w(1, 2, 7))
case("avgPool2d", lambda x: F.avg_pool2d(x, (2, 3)), w(1, 2, 4, 7))
case("mse", F.mse_loss, w(3, 2), w(3, 2))
t = ids([3], [4, -1, 0])
case("nllLoss", lambda x, i: F.nll_loss(torch.log_softmax(x, -1), i, ignore_index=-1, reduction="none"), m, t)
case("stopGradient", lambda x: x * x.detach(), w(5))

out = []
for name, f, specs, gradient, second in CASES:
    xs = []
    for i, s in enumerate(specs):
        if "ints" in s:
            xs.append(torch.tensor(s["ints"], dtype=torch.int64).reshape(s["shape"]))
        elif "data" in s:
            xs.append(torch.tensor(s["data"], dtype=torch.float64).reshape(s["shape"]))
        else:
            xs.append((s["low"] + (s["high"] - s["low"]) * (wave(s["shape"], 2 * i + 1) + 1) / 2).reshape(s["shape"]))
    floats = [x.requires_grad_() for x in xs if x.is_floating_point()] if gradient else []
    ys = f(*xs)
    ys = list(ys) if isinstance(ys, (list, tuple)) else [ys]
    c = {"name": name, "inputs": [s | ({"data": plain(torch.tensor(s["data"]))} if "data" in s else {}) for s in specs],
         "results": [{"shape": list(y.shape), "data": plain(y)} for y in ys]}
    if gradient:
        loss = sum((y * wave(y.shape, 0.7 + k)).sum() for k, y in enumerate(ys))
        zero = lambda g, x: torch.zeros_like(x) if g is None else g
        first = torch.autograd.grad(loss, floats, create_graph=True, allow_unused=True) if loss.requires_grad else [None] * len(floats)
        first = [zero(g, x) for g, x in zip(first, floats)]
        c["first"] = [plain(g) for g in first]
        if second:
            loss = sum((g * wave(g.shape, 0.3 + i)).sum() for i, g in enumerate(first))
            twice = torch.autograd.grad(loss, floats, allow_unused=True) if loss.requires_grad else [None] * len(floats)
            c["second"] = [plain(zero(g, x)) for g, x in zip(twice, floats)]
    out.append(c)
text = {"torch": torch.__version__, "cases": out}
(pathlib.Path(__file__).parent / "ops.json").write_text(json.dumps(text, separators=(",", ":")) + "\n")
