"""Golden vectors for the optimizers, made with PyTorch on the CPU, and for the schedules, written from Megatron-LM's formulas.

    python -m venv /tmp/vectors && /tmp/vectors/bin/pip install numpy torch && /tmp/vectors/bin/python make.py

writes optimizers.json and schedules.json beside this file. Two parameters, `w` [8, 8] and `b` [8], take 100 steps in float64 on fixed gradients
whose magnitudes differ by 10^4 from element to element, at a learning rate that falls linearly. Parameters and gradients are float32 values.
`float32Error` says how far PyTorch's own float32 ends from that. Lion, which PyTorch lacks, is written out here from algorithm 2 of
arXiv:2302.06675 in tensor operations.
"""
import json
import math
import pathlib

import torch

HERE = pathlib.Path(__file__).parent
STEPS, KEEP = 100, (1, 2, 10, 100)
SHAPES = {"w": (8, 8), "b": (8,)}


class Lcg:
    def __init__(self):
        self.x = 2024

    def uniform(self):
        self.x = (self.x * 1664525 + 1013904223) & 0xFFFFFFFF
        return self.x / 2**32 - 0.5

    def tree(self, scaled, dtype):
        out = {}
        for name, shape in SHAPES.items():
            values = [self.uniform() * (10.0 ** -(i % 5) if scaled else 1.0) for i in range(math.prod(shape))]
            out[name] = torch.tensor(values, dtype=torch.float32).to(dtype).reshape(shape)
        return out


class Lion(torch.optim.Optimizer):
    def __init__(self, params, lr, betas, weight_decay):
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            b1, b2 = group["betas"]
            for p in group["params"]:
                m = self.state[p].setdefault("exp_avg", torch.zeros_like(p))
                direction = (m * b1 + p.grad * (1 - b1)).sign()
                p.mul_(1 - group["lr"] * group["weight_decay"]).sub_(direction * group["lr"])
                m.mul_(b2).add_(p.grad, alpha=1 - b2)


def adamw(params, **kw):
    """Decay on matrices only, as the default mask."""
    wd = kw.pop("weight_decay")
    groups = [{"params": [params["w"]], "weight_decay": wd}, {"params": [params["b"]], "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=1.0, foreach=False, **kw)


CASES = {
    "sgd": ("sgd", {}, lambda p: torch.optim.SGD(p.values(), lr=1.0, foreach=False)),
    "sgd-momentum": ("sgd", {"momentum": 0.9, "weightDecay": 0.01}, lambda p: torch.optim.SGD(p.values(), lr=1.0, momentum=0.9, weight_decay=0.01, foreach=False)),
    "sgd-nesterov": ("sgd", {"momentum": 0.9, "nesterov": True}, lambda p: torch.optim.SGD(p.values(), lr=1.0, momentum=0.9, nesterov=True, foreach=False)),
    "adam": ("adam", {}, lambda p: torch.optim.Adam(p.values(), lr=1.0, foreach=False)),
    "adam-decay": ("adam", {"beta2": 0.95, "weightDecay": 0.1}, lambda p: torch.optim.Adam(p.values(), lr=1.0, betas=(0.9, 0.95), weight_decay=0.1, foreach=False)),
    "adamw": ("adamw", {}, lambda p: torch.optim.AdamW(p.values(), lr=1.0, foreach=False)),
    "adamw-llm": ("adamw", {"beta2": 0.95, "weightDecay": 0.1}, lambda p: torch.optim.AdamW(p.values(), lr=1.0, betas=(0.9, 0.95), weight_decay=0.1, foreach=False)),
    "adamw-epsilon": ("adamw", {"beta2": 0.95, "epsilon": 1e-5, "weightDecay": 0.1}, lambda p: torch.optim.AdamW(p.values(), lr=1.0, betas=(0.9, 0.95), eps=1e-5, weight_decay=0.1, foreach=False)),
    "adamw-masked": ("adamw", {"beta2": 0.95, "weightDecay": 0.1}, lambda p: adamw(p, betas=(0.9, 0.95), weight_decay=0.1)),
    "adamw-clipped": ("adamw", {"beta2": 0.95, "weightDecay": 0.1}, lambda p: torch.optim.AdamW(p.values(), lr=1.0, betas=(0.9, 0.95), weight_decay=0.1, foreach=False)),
    "lion": ("lion", {"weightDecay": 0.1}, lambda p: Lion(p.values(), 1.0, (0.9, 0.99), 0.1)),
}
CLIP = {"adamw-clipped": 1.0}


def learning_rate(step):
    return 0.01 * (1 - step / 200)


def plain(tree):
    return {k: v.detach().double().reshape(-1).tolist() for k, v in tree.items()}


def run(name, dtype):
    _, _, make = CASES[name]
    lcg = Lcg()
    params = {k: torch.nn.Parameter(v) for k, v in lcg.tree(False, dtype).items()}
    optimizer = make(params)
    rows = {}
    for step in range(1, STEPS + 1):
        for k, g in lcg.tree(True, dtype).items():
            params[k].grad = g.clone()
        norm = None
        if name in CLIP:
            norm = float(torch.nn.utils.clip_grad_norm_(list(params.values()), CLIP[name], foreach=False))
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step)
        optimizer.step()
        if step in KEEP:
            moments = {}
            for key, state in (("exp_avg", "expAvg"), ("exp_avg_sq", "expAvgSq"), ("momentum_buffer", "momentum")):
                found = {k: optimizer.state[p][key] for k, p in params.items() if optimizer.state[p].get(key) is not None}
                if found:
                    moments[state] = plain(found)
            rows[step] = {"params": plain(params), "state": moments, "norm": norm}
    return rows


def float32_error(name):
    """Greatest difference between PyTorch's own float32 and float64 parameters after the last step."""
    narrow, wide = run(name, torch.float32)[STEPS]["params"], run(name, torch.float64)[STEPS]["params"]
    return max(abs(a - b) for k in narrow for a, b in zip(narrow[k], wide[k]))


result = {"torch": torch.__version__, "steps": STEPS, "cases": {}}
for name, (optimizer, options, _) in CASES.items():
    result["cases"][name] = {
        "optimizer": optimizer,
        "options": options,
        "clip": CLIP.get(name),
        "rows": run(name, torch.float64),
        "float32Error": float32_error(name),
    }
(HERE / "optimizers.json").write_text(json.dumps(result, separators=(",", ":")) + "\n")


def megatron(step, peak, final, warmup, decay_steps, style, wsd_steps=0, wsd_style=None):
    """Learning rate after `step` updates, by the rules of Megatron-LM's OptimizerParamScheduler."""
    if warmup > 0 and step <= warmup:
        return peak * step / warmup
    if step > decay_steps:
        return final
    if style == "inverse-square-root":
        return max(final, peak * warmup**0.5 / step**0.5)
    ratio = (step - warmup) / (decay_steps - warmup)
    if style == "linear":
        left = 1.0 - ratio
    elif style == "cosine":
        left = 0.5 * (math.cos(math.pi * ratio) + 1.0)
    else:
        start = decay_steps - wsd_steps
        r = max(0.0, (step - start) / wsd_steps)
        left = {
            "linear": 1.0 - r,
            "cosine": 0.5 * (math.cos(math.pi * r) + 1.0),
            "exponential": 2.0 * 0.5**r - 1.0,
            "minus_sqrt": 1.0 - math.sqrt(r),
        }[wsd_style]
    return final + left * (peak - final)


def sample(description, last, f):
    steps = sorted({round(i * last / 190) for i in range(191)} | {0, 1, 2, 1999, 2000, 2001, last - 1, last, last + 1, last + 1000})
    return {**description, "points": [[s, f(s)] for s in steps]}


schedules = []
for kind in ("cosine", "linear"):
    schedules.append(sample({"schedule": {"kind": "warmup", "schedule": {"kind": kind, "from": 3e-4, "to": 3e-5, "steps": 8000}, "steps": 2000, "from": 0}}, 10000, lambda s, k=kind: megatron(s, 3e-4, 3e-5, 2000, 10000, k)))
for shape in ("linear", "cosine", "exponential", "minus_sqrt"):
    schedules.append(sample({"schedule": {"kind": "wsd", "peak": 3e-4, "final": 3e-5, "warmupSteps": 2000, "steps": 20000, "decaySteps": 3000, "shape": shape}}, 20000, lambda s, w=shape: megatron(s, 3e-4, 3e-5, 2000, 20000, "WSD", 3000, w)))
schedules.append(sample({"schedule": {"kind": "inverseSqrt", "peak": 1e-3, "warmupSteps": 2000, "final": 1e-4}}, 150000, lambda s: megatron(s, 1e-3, 1e-4, 2000, 10**9, "inverse-square-root")))
LLM_JP_3 = {"150m": (3e-4, 3e-5, 988240), "440m": (3e-4, 3e-5, 988240), "980m": (3e-4, 3e-5, 988240), "1.8b": (3e-4, 3e-5, 988240), "3.7b": (3e-4, 3e-5, 494120),
            "7.2b": (2.5e-4, 2.5e-5, 494120), "13b": (2e-4, 2e-5, 494120), "172b": (8e-5, 8e-6, 292812), "8x1.8b": (3e-4, 3e-5, 492120), "8x13b": (3e-4, 3e-5, 494120)}
for size, (peak, final, iters) in LLM_JP_3.items():
    schedules.append(sample({"llmJp3": size}, iters, lambda s, p=peak, f=final, n=iters: megatron(s, p, f, 2000, n - 2000, "cosine")))
for size, peak in {"8b": 3e-4, "32b": 2e-4}.items():
    for end in (1_000_000, 2_000_000, 3_000_000):
        schedules.append(sample({"llmJp4": size, "decayEnd": end}, end, lambda s, p=peak, n=end: megatron(s, p, 0.0, 2000, n, "WSD", 100_000, "minus_sqrt")))
for size, peak in {"8b": 3e-4, "32b": 2e-4, "32b-a3.8b": 4e-4, "332b-a31b": 4e-4, "291b-a27b": 4e-4}.items():
    schedules.append(sample({"llmJp4": size}, 12_000_000, lambda s, p=peak: megatron(s, p, p / 10, 2000, 12_000_000, "WSD", 1, "linear")))
(HERE / "schedules.json").write_text(json.dumps(schedules, separators=(",", ":")) + "\n")
