"""PyTorch's answers to random programs over the operations of @kumiki/tensor.

    python3 -m venv venv && venv/bin/pip install torch numpy
    node --conditions=source --import tsx write-random-programs.ts && venv/bin/python make_random_programs.py

Reads the programs in random-programs.json and writes the results beside them. Made with torch 2.15.0 on an x86-64 CPU. Floats are float64
here, so that the answers are right to the last digit that is kept (8); int32 and uint32 are int64, wrapped after each operation.
"""

import json
import math
import os
import platform

import torch

torch.set_default_dtype(torch.float64)


class Value:
    """A tensor and the dtype Kumiki gives it."""

    def __init__(self, t, dtype):
        self.dtype = dtype
        if dtype == "int32":
            t = (t.to(torch.int64) + 2**31) % 2**32 - 2**31
        elif dtype == "uint32":
            t = t.to(torch.int64) % 2**32
        self.t = t


def is_float(v):
    return v.dtype not in ("int32", "uint32")


def real(v):
    return v.t.to(torch.float64)


def promote(a, b):
    if a.dtype == b.dtype:
        return a.dtype
    if is_float(a) or is_float(b):
        return "float32"
    raise ValueError("int32 with uint32")


def operands(args, attrs):
    a = args[0]
    if len(args) > 1:
        b = args[1]
    else:
        number = attrs["number"]
        b = Value(torch.tensor(number), a.dtype)
    return a, b


def binary(f):
    def run(args, attrs):
        a, b = operands(args, attrs)
        dtype = promote(a, b)
        x, y = (real(a), real(b)) if dtype == "float32" else (a.t, b.t)
        return Value(f(x, y), dtype)

    return run


def compare(f):
    def run(args, attrs):
        a, b = operands(args, attrs)
        return Value(f(a.t, b.t).to(torch.int64), "uint32")

    return run


def unary(f):
    return lambda args, attrs: Value(f(real(args[0])), "float32")


def unary_any(f):
    return lambda args, attrs: Value(f(args[0].t), args[0].dtype)


def view(f):
    return lambda args, attrs: Value(f(args[0].t, attrs), args[0].dtype)


def first_largest(t, axis):
    return torch.sort(t.detach(), dim=axis, descending=True, stable=True).indices.select(axis, 0)


def reduce(f, keeps_dtype=True):
    def run(args, attrs):
        x = args[0]
        axes = attrs.get("axes")
        if axes is None:
            axes = list(range(x.t.dim()))
        t = x.t if not axes else f(x.t, axes, attrs["keep"])
        if not axes and not keeps_dtype:
            t = real(x)
        return Value(t, "float32" if not keeps_dtype else x.dtype)

    return run


def amax(t, axes, keep):
    return torch.amax(t, dim=axes, keepdim=keep)


def take(args, attrs):
    table, ids = args
    axis = attrs["axis"]
    rows = table.t.shape[axis]
    inside = (ids.t >= 0) & (ids.t < rows)
    moved = torch.movedim(table.t, axis, 0)
    if rows == 0:
        out = torch.zeros([*ids.t.shape, *moved.shape[1:]], dtype=table.t.dtype)
    else:
        picked = moved[torch.where(inside, ids.t, 0)]
        mask = inside.reshape([*ids.t.shape] + [1] * (moved.dim() - 1))
        out = torch.where(mask, picked, torch.zeros_like(picked))
    # [...ids, ...rest] -> the ids' dimensions stand where the axis stood.
    n = ids.t.dim()
    for k in range(n):
        out = torch.movedim(out, n - 1, axis + n - 1 - k) if k == 0 else torch.movedim(out, n - 1 - k, axis + n - 1 - k)
    return Value(out, table.dtype)


def take_last(args, attrs):
    x, ids = args
    n = x.t.shape[-1]
    inside = (ids.t >= 0) & (ids.t < n)
    if n == 0:
        return Value(torch.zeros(ids.t.shape), x.dtype)
    picked = torch.gather(x.t, -1, torch.where(inside, ids.t, 0)[..., None])[..., 0]
    return Value(torch.where(inside, picked, torch.zeros_like(picked)), x.dtype)


def scatter_add_rows(args, attrs):
    x, ids = args
    rows = attrs["rows"]
    flat = ids.t.reshape(-1)
    row = x.t.shape[ids.t.dim():]
    values = real(x).reshape([flat.shape[0], *row])
    inside = (flat >= 0) & (flat < rows)
    out = torch.zeros([rows, *row])
    if flat.shape[0]:
        mask = inside.reshape([-1] + [1] * len(row))
        out = out.index_add(0, torch.where(inside, flat, 0), torch.where(mask, values, torch.zeros_like(values)))
    return Value(out, "float32")


def matmul(args, attrs):
    a, b = real(args[0]), real(args[1])
    if attrs.get("transposed"):
        b = b.transpose(-1, -2)
    return Value(torch.matmul(a, b), "float32")


def rms_norm(args, attrs):
    x, w = real(args[0]), real(args[1])
    return Value(x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-5) * w, "float32")


def rotary(args, attrs):
    x = real(args[0])
    n = x.numel() // 4
    x = x.reshape([1, n, 1, 4])
    angles = torch.arange(n)[:, None].expand(n, 2).to(torch.float64) * 0.25
    cos = torch.cat([angles.cos()] * 2, -1)[None, :, None, :]
    sin = torch.cat([angles.sin()] * 2, -1)[None, :, None, :]
    half = torch.cat([-x[..., 2:], x[..., :2]], -1)
    return Value(x * cos + half * sin, "float32")


def attention(args, attrs):
    q, k, v = (real(a).reshape([1, -1, 2, 4]).transpose(1, 2) for a in args)
    scores = q @ k.transpose(-1, -2) / 2
    if attrs["causal"]:
        rows, columns = scores.shape[-2:]
        allowed = torch.arange(columns)[None, :] <= torch.arange(rows)[:, None] + columns - rows
        scores = scores.masked_fill(~allowed, -math.inf)
    return Value((torch.softmax(scores, -1) @ v).transpose(1, 2), "float32")


def cross_entropy(logits, targets, z_loss):
    lse = torch.logsumexp(logits, -1)
    safe = torch.where(targets < 0, 0, targets)
    picked = torch.gather(logits, -1, safe[..., None])[..., 0]
    loss = lse - picked + z_loss * lse * lse
    return Value(torch.where(targets < 0, torch.zeros_like(loss), loss), "float32")


def top_k(args, attrs):
    x = args[0]
    indices = torch.sort(x.t.detach(), dim=-1, descending=True, stable=True).indices[..., : attrs["k"]]
    return [Value(torch.gather(x.t, -1, indices), x.dtype), Value(indices, "int32")]


def where(args, attrs):
    c, a, *b = args
    other = b[0] if b else Value(torch.tensor(attrs["number"]), a.dtype)
    dtype = promote(a, other)
    x, y = (real(a), real(other)) if dtype == "float32" else (a.t, other.t)
    return Value(torch.where(c.t != 0, x, y), dtype)


def read_twice(args, attrs):
    x = real(args[0])
    e = [torch.exp, torch.sigmoid, lambda y: y * 0.5, torch.tanh][attrs["first"]](x)
    n = x.shape[0]
    seen = {
        "rolled": lambda: torch.cat([e[n >> 1 :], e[: n >> 1]]),
        "there and back": lambda: e * 1.5,
        "barrier": lambda: e,
        "transposed": lambda: e.transpose(-1, -2),
    }[attrs["view"]]()
    r = [torch.add, torch.mul, torch.sub, lambda a, b: (b + 1) * a][attrs["second"]](e, seen)
    return [Value(e, "float32"), Value(r, "float32")] if attrs["kept"] else Value(r, "float32")


def checkpoint(args, attrs):
    y = real(args[0])
    return Value([torch.sin(y), torch.nn.functional.silu(y * 0.5), torch.tanh(y) * y][attrs["form"]], "float32")


def scaled_matmul(args, attrs):
    a, b = real(args[0]) * 0.5, real(args[1]) * 0.5
    return [Value(a @ b.transpose(0, 1), "float32"), Value(a, "float32")]


def slice_(t, attrs):
    for axis, (start, size) in enumerate(zip(attrs["starts"], attrs["sizes"])):
        t = t.narrow(axis, start, size)
    return t


moves = {
    "abs": unary_any(torch.abs),
    "neg": unary_any(torch.neg),
    "square": unary(torch.square),
    "exp": unary(torch.exp),
    "log": unary(torch.log),
    "sqrt": unary(torch.sqrt),
    "rsqrt": unary(torch.rsqrt),
    "sin": unary(torch.sin),
    "cos": unary(torch.cos),
    "tanh": unary(torch.tanh),
    "sigmoid": unary(torch.sigmoid),
    "silu": unary(torch.nn.functional.silu),
    "sign": unary(torch.sign),
    "floor": unary(torch.floor),
    "softmax": unary(lambda x: torch.softmax(x, -1)),
    "logSoftmax": unary(lambda x: torch.log_softmax(x, -1)),
    "logSumExp": unary(lambda x: torch.logsumexp(x, -1)),
    "zerosLike": unary_any(lambda x: x + 0),
    "add": binary(torch.add),
    "sub": binary(torch.sub),
    "mul": binary(torch.mul),
    "div": binary(torch.div),
    "maximum": binary(torch.maximum),
    "minimum": binary(torch.minimum),
    "equal": compare(torch.eq),
    "notEqual": compare(torch.ne),
    "less": compare(torch.lt),
    "lessEqual": compare(torch.le),
    "greater": compare(torch.gt),
    "greaterEqual": compare(torch.ge),
    "bitwiseAnd": binary(torch.bitwise_and),
    "bitwiseOr": binary(torch.bitwise_or),
    "bitwiseXor": binary(torch.bitwise_xor),
    "shiftLeft": lambda args, attrs: Value(args[0].t << attrs["by"], args[0].dtype),
    "shiftRight": lambda args, attrs: Value((args[0].t % 2**32) >> attrs["by"], args[0].dtype),
    "swiglu": lambda args, attrs: Value(torch.nn.functional.silu(real(args[0])) * real(args[1]), "float32"),
    "where": where,
    "bitcast": lambda args, attrs: Value(args[0].t, "uint32" if args[0].dtype == "int32" else "int32"),
    "reshape": view(lambda t, attrs: t.reshape(attrs["shape"])),
    "transpose": view(lambda t, attrs: t.permute(attrs.get("axes") or list(reversed(range(t.dim()))))),
    "swapAxes": view(lambda t, attrs: t.transpose(attrs["a"], attrs["b"])),
    "slice": view(slice_),
    "sliceAxis": view(lambda t, attrs: t.narrow(attrs["axis"], attrs["start"], attrs["end"] - attrs["start"])),
    "broadcastTo": view(lambda t, attrs: t.expand(attrs["shape"])),
    "concatenate": lambda args, attrs: Value(torch.cat([a.t for a in args], attrs["axis"]), args[0].dtype),
    "sum": lambda args, attrs: Value(
        reduce(lambda t, axes, keep: t.sum(axes, keepdim=keep))(args, attrs).t,
        "float32" if is_float(args[0]) else args[0].dtype,
    ),
    "mean": reduce(lambda t, axes, keep: t.mean(axes, keepdim=keep)),
    "max": reduce(amax),
    "argMax": lambda args, attrs: Value(first_largest(args[0].t, attrs["axis"]), "int32"),
    "topK": top_k,
    "matmul": matmul,
    "take": take,
    "takeLast": take_last,
    "scatterAddRows": scatter_add_rows,
    "rmsNorm": rms_norm,
    "rotary": rotary,
    "attention": attention,
    "crossEntropy": lambda args, attrs: cross_entropy(real(args[0]), args[1].t, attrs["zLoss"]),
    "linearCrossEntropy": lambda args, attrs: cross_entropy(
        real(args[0]) @ real(args[1]).transpose(0, 1), args[2].t, 0
    ),
    "scaledMatmul": scaled_matmul,
    "readTwice": read_twice,
    "checkpoint": checkpoint,
}


F = torch.nn.functional


def along(f):
    def run(args, attrs):
        made = f(args[0].t, attrs["axis"])
        return [Value(t, args[0].dtype) for t in made] if isinstance(made, (list, tuple)) else Value(made, args[0].dtype)

    return run


def over(f):
    """f(t, axes, keep); None stands for all axes."""

    def run(args, attrs):
        t = args[0].t
        axes = attrs.get("axes")
        axes = list(range(t.dim())) if axes is None else axes
        return f(args[0], t, axes, attrs["keep"])

    return run


def prod(x, t, axes, keep):
    for axis in sorted(axes, reverse=True):
        t = torch.prod(t, axis, keepdim=keep)
    return Value(t, x.dtype)


def both(f):
    return lambda args, attrs: Value(f(args[0].t != 0, args[1].t != 0).to(torch.int64), "uint32")


def ids_along(t, axis, count, n):
    shape = list(t.shape)
    shape[axis] = count
    line = (torch.arange(count) * 3 + 1) % n
    return line.reshape([count if i == axis else 1 for i in range(t.dim())]).expand(shape)


def scatter_add(t, axis):
    n = t.shape[axis]
    return (t * 0.5).scatter_add(axis, ids_along(t, axis, n, n), t)


def scatter(t, axis):
    m = (t.shape[axis] + 1) >> 1
    line = torch.roll(torch.arange(m), 1)
    shape = list(t.shape)
    shape[axis] = m
    ids = line.reshape([m if i == axis else 1 for i in range(t.dim())]).expand(shape)
    return (-t).scatter(axis, ids, t.narrow(axis, 0, m))


def one_hot(args, attrs):
    ids = args[0].t
    return Value((ids[..., None] == torch.arange(4)).to(torch.float64), "float32")


def widen(t, axis):
    n = t.shape[axis]
    first, last = t.narrow(axis, 0, 1), t.narrow(axis, n - 1, 1)
    two = torch.full_like(first, 2)
    return [torch.cat([first, t, last], axis), torch.cat([first, t, last], axis), torch.cat([two, t, two], axis)]


def outer(args, attrs):
    a, b = real(args[0]), real(args[1])
    return [Value(t, "float32") for t in [torch.outer(a, b), *torch.meshgrid(a, b, indexing="ij")]]


def constants(args, attrs):
    return Value(real(args[0]) + (torch.eye(2, 3) * torch.linspace(0, 1, 3)).sum(), "float32")


def einsum(args, attrs):
    ts = [real(a) for a in args]
    if attrs["equation"] == "ij,ij->i":
        ts = [ts[0], ts[0]]
    return Value(torch.einsum(attrs["equation"], *ts), "float32")


def standard(t, axes):
    return (t - t.mean(axes, keepdim=True)) * torch.rsqrt(t.var(axes, correction=0, keepdim=True) + 0.5)


def group_or_batch(t):
    if t.shape[1] % 2 == 0:
        return standard(t.reshape([t.shape[0], -1]), [1]).reshape(t.shape)
    return standard(t, [i for i in range(t.dim()) if i != 1])


def conv1(t):
    row = t.reshape([1, 2, -1])
    return F.conv1d(row, row[:, :, :2], padding=1)


def conv2(t):
    image = t.reshape([1, 1, 2, -1])
    return F.conv2d(image, image[..., :2], stride=(1, 2)).sum() + F.avg_pool2d(image, (1, 2))


def pools(t):
    row = t.reshape([1, 1, -1])
    pairs = torch.stack([row[..., :-1], row[..., 1:]], -1)
    return pairs.amax(-1) + pairs.mean(-1) + pairs.amax(-1)


def scan(t):
    carry = torch.zeros(t.shape[1:])
    ys = []
    for row in t:
        ys.append(carry * row)
        carry = torch.tanh(carry + row)
    return torch.stack(ys) + carry


def nll(args, attrs):
    return cross_entropy(real(args[0]), args[1].t, 0)


def roll(t, axis):
    return torch.roll(t, 2, axis)


moves |= {
    "relu": unary_any(torch.relu),
    "leakyRelu": unary(lambda x: F.leaky_relu(x, 0.25)),
    "elu": unary(F.elu),
    "gelu": unary(F.gelu),
    "geluTanh": unary(lambda x: F.gelu(x, approximate="tanh")),
    "softplus": unary(F.softplus),
    "logSigmoid": unary(F.logsigmoid),
    "hardSigmoid": unary(F.hardsigmoid),
    "hardSwish": unary(F.hardswish),
    "erf": unary(torch.erf),
    "log1p": unary(torch.log1p),
    "expm1": unary(torch.expm1),
    "log2": unary(torch.log2),
    "reciprocal": unary(torch.reciprocal),
    "tan": unary(torch.tan),
    "asin": unary(torch.asin),
    "acos": unary(torch.acos),
    "atan": unary(torch.atan),
    "sinh": unary(torch.sinh),
    "cosh": unary(torch.cosh),
    "ceil": unary(torch.ceil),
    "trunc": unary(torch.trunc),
    "round": unary(lambda x: torch.round(x - 0.5)),
    "isNaN": lambda args, attrs: Value(torch.full(args[0].t.shape, 2), "uint32"),
    "nanToNum": unary_any(lambda t: t + 0),
    "logicalNot": lambda args, attrs: Value((args[0].t == 0).to(torch.int64), "uint32"),
    "stopGradient": unary_any(lambda t: t.detach() + t),
    "logicalAnd": both(torch.logical_and),
    "logicalOr": both(torch.logical_or),
    "logicalXor": both(torch.logical_xor),
    "atan2": binary(torch.atan2),
    "mod": binary(torch.remainder),
    "powNumber": lambda args, attrs: Value(real(args[0]) ** attrs["number"], "float32"),
    "pow": binary(torch.pow),
    "clamp": lambda args, attrs: Value(torch.clamp(args[0].t, min=attrs["number"]), args[0].dtype),
    "min": reduce(lambda t, axes, keep: torch.amin(t, dim=axes, keepdim=keep)),
    "argMin": lambda args, attrs: Value(
        torch.sort(args[0].t.detach(), dim=attrs["axis"], stable=True).indices.select(attrs["axis"], 0), "int32"
    ),
    "prod": over(prod),
    "any": over(lambda x, t, axes, keep: Value(((t != 0).to(torch.int64).sum(axes, keepdim=keep) != 0).to(torch.int64), "uint32")),
    "all": over(lambda x, t, axes, keep: Value(((t == 0).to(torch.int64).sum(axes, keepdim=keep) == 0).to(torch.int64), "uint32")),
    "variance": over(lambda x, t, axes, keep: Value(torch.var(real(x), axes, correction=0, keepdim=keep), "float32")),
    "std": unary(torch.std),
    "norm": unary(lambda x: (x.abs() ** 3).sum() ** (1 / 3)),
    "softmaxAxis": along(lambda t, axis: [torch.softmax(t, axis), torch.log_softmax(t, axis)]),
    "logSumExpAxes": over(lambda x, t, axes, keep: Value(torch.logsumexp(t, axes, keepdim=keep), "float32")),
    "cumsum": along(lambda t, axis: [t.cumsum(axis), t.flip(axis).cumsum(axis).flip(axis)]),
    "cumprod": along(lambda t, axis: [t.cumprod(axis), t.flip(axis).cumprod(axis).flip(axis)]),
    "sort": along(lambda t, axis: torch.sort(t, dim=axis, stable=True).values),
    "argSort": lambda args, attrs: Value(
        torch.sort(args[0].t.detach(), dim=attrs["axis"], descending=True, stable=True).indices, "int32"
    ),
    "gather": along(lambda t, axis: torch.gather(t, axis, ids_along(t, axis, 5, t.shape[axis]))),
    "scatterAdd": along(scatter_add),
    "scatter": along(scatter),
    "oneHot": one_hot,
    "stack": lambda args, attrs: Value(torch.stack([args[0].t, args[1].t], -1), args[0].dtype),
    "split": along(lambda t, axis: list(torch.split(t, 2, axis))),
    "squeeze": unary_any(torch.squeeze),
    "expandDims": along(lambda t, axis: t.unsqueeze(axis)),
    "pad": along(widen),
    "tril": unary_any(lambda t: torch.tril(t, -1)),
    "triu": unary_any(torch.triu),
    "trace": unary_any(lambda t: torch.diagonal(t, dim1=-2, dim2=-1).sum(-1)),
    "diag": unary_any(torch.diag),
    "flip": along(lambda t, axis: t.flip(axis)),
    "roll": along(roll),
    "repeat": along(lambda t, axis: torch.repeat_interleave(t, 2, axis)),
    "tile": unary_any(lambda t: torch.tile(t, [2, 1])),
    "outer": outer,
    "constants": constants,
    "einsum": einsum,
    "layerNorm": unary(lambda x: standard(x, [-1])),
    "groupNorm": unary(group_or_batch),
    "conv1d": unary(conv1),
    "conv2d": unary(conv2),
    "pools": unary(pools),
    "mse": lambda args, attrs: Value((real(args[0]) - real(args[1])).square().mean(), "float32"),
    "nllLoss": nll,
    "jvp": unary(lambda x: torch.cos(x) * torch.cos(x) + x * (1 - torch.tanh(x) ** 2)),
    "vmap": unary(lambda x: torch.tanh(x) * x.sum(list(range(1, x.dim())), keepdim=True) if x.dim() > 1 else torch.tanh(x) * x),
    "scan": unary(scan),
}


def weighted(values):
    total = torch.zeros([])
    for v in values:
        if is_float(v) and v.t.numel():
            total = total + (v.t.reshape(-1) * torch.cos(torch.arange(v.t.numel()).to(torch.float64))).sum()
    return total


def run(program):
    inputs = []
    for x in program["inputs"]:
        t = torch.tensor(x["data"], dtype=torch.float64 if x["dtype"] == "float32" else torch.int64)
        inputs.append(Value(t.reshape(x["shape"]), x["dtype"]))
    floats = [v for v in inputs if is_float(v)]
    for v in floats:
        v.t.requires_grad_(True)
    values = list(inputs)
    for step in program["instructions"]:
        made = moves[step["move"]]([values[i] for i in step["args"]], step.get("attrs", {}))
        values += made if isinstance(made, list) else [made]
    outs = [values[i] for i in program["outputs"]]
    grads = []
    loss = weighted(outs)
    for order in range(program["gradient"]):
        below = grads
        if loss.requires_grad:
            grads = torch.autograd.grad(loss, [v.t for v in floats], create_graph=True, allow_unused=True)
        else:
            grads = [None] * len(floats)
        grads = [Value(v.t * 0 if g is None else g, "float32") for g, v in zip(grads, floats)]
        if order == 1:
            outs = outs + below
        loss = weighted(grads)
    return outs + grads


def plain(v):
    flat = (v.t.detach() + 0).contiguous().reshape(-1).tolist()  # autograd gives zeros without storage
    return [float(f"{x:.8g}") for x in flat] if is_float(v) else flat


here = os.path.dirname(os.path.abspath(__file__))
path = os.path.join(here, "random-programs.json")
with open(path) as f:
    programs = json.load(f)["programs"]
for p in programs:
    p["expected"] = [{"shape": list(v.t.shape), "dtype": v.dtype, "data": plain(v)} for v in run(p)]
made_with = f"torch {torch.__version__.split('+')[0]}, Python {platform.python_version()}"
with open(path, "w") as f:
    json.dump({"madeWith": made_with, "programs": programs}, f, separators=(",", ":"))
