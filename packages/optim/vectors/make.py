"""Golden vectors for the optimizers and the schedules, made with the libraries people train with, on the CPU.

    python3 -m venv /tmp/vectors
    /tmp/vectors/bin/pip install numpy torch==2.15.0 transformers==5.24.0 optax==0.2.8 jax==0.10.2
    /tmp/vectors/bin/pip install --no-deps megatron-core==0.16.1
    /tmp/vectors/bin/python make.py

writes optimizers.json and schedules.json beside this file.

Optimizers: two parameters, `w` [8, 8] and `b` [8] (Adafactor and Muon: `w` [6, 10] and `t` [10, 6]), take 100 steps on fixed gradients whose
magnitudes differ by 10^4 from element to element, at a learning rate that falls linearly; once in float64 (`rows`) and once in float32
(`float32`, the last step). Parameters and gradients are float32 values. All are torch.optim's, but for Lion, which is optax's (PyTorch has
none). torch.optim.Muon iterates in bfloat16; for the float64 and float32 rows its bfloat16 is replaced by the format of the parameters, and nothing else.

Schedules: at 200 points and more, both ends and the joints among them. Megatron-LM's from its own class OptimizerParamScheduler; PyTorch's by
stepping them; Transformers' from the functions they hand to LambdaLR. Three that none of them has are written out from the papers' formulas.
"""
import json
import math
import pathlib

import jax
import numpy
import optax
import torch

jax.config.update("jax_enable_x64", True)
HERE = pathlib.Path(__file__).parent
STEPS, KEEP = 100, (1, 10, 100)
SHAPES = {"w": (8, 8), "b": (8,)}
MATRICES = {"w": (6, 10), "t": (10, 6)}


class Lcg:
    def __init__(self):
        self.x = 2024

    def uniform(self):
        self.x = (self.x * 1664525 + 1013904223) & 0xFFFFFFFF
        return self.x / 2**32 - 0.5

    def tree(self, shapes, scaled, dtype):
        out = {}
        for name, shape in shapes.items():
            values = [self.uniform() * (10.0 ** -(i % 5) if scaled else 1.0) for i in range(math.prod(shape))]
            out[name] = torch.tensor(values, dtype=torch.float32).to(dtype).reshape(shape)
        return out


class Optax(torch.optim.Optimizer):
    """An optimizer of optax behind torch's interface.

    `make(lr)` makes it; `moments` names the fields of its state, by our names. optax adds decay before it applies the learning rate.
    """

    def __init__(self, params, make, moments):
        super().__init__(list(params), {"lr": 1.0})
        self.make, self.moments, self.inner = make, moments, None

    @torch.no_grad()
    def step(self):
        group = self.param_groups[0]
        to_jax = lambda t: jax.numpy.asarray(t.detach().numpy())
        to_torch = lambda x: torch.from_numpy(numpy.array(x))
        params = [to_jax(p) for p in group["params"]]
        optimizer = self.make(group["lr"])
        if self.inner is None:
            self.inner = optimizer.init(params)
        updates, self.inner = optimizer.update([to_jax(p.grad) for p in group["params"]], self.inner, params)
        for i, (p, new) in enumerate(zip(group["params"], optax.apply_updates(params, updates))):
            p.copy_(to_torch(new))
            for ours, field in self.moments.items():
                self.state[p][ours] = to_torch(getattr(self.inner[0], field)[i])


def adamw_masked(params, **kw):
    """Decay on matrices only, as the default mask."""
    wd = kw.pop("weight_decay")
    groups = [{"params": [params["w"]], "weight_decay": wd}, {"params": [params["b"]], "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=1.0, foreach=False, **kw)


T = torch.optim
CASES = {
    "sgd": ("sgd", {}, lambda p: T.SGD(p.values(), lr=1.0, foreach=False)),
    "sgd-momentum": ("sgd", {"momentum": 0.9, "weightDecay": 0.01}, lambda p: T.SGD(p.values(), lr=1.0, momentum=0.9, weight_decay=0.01, foreach=False)),
    "sgd-nesterov": ("sgd", {"momentum": 0.9, "nesterov": True}, lambda p: T.SGD(p.values(), lr=1.0, momentum=0.9, nesterov=True, foreach=False)),
    "adam": ("adam", {}, lambda p: T.Adam(p.values(), lr=1.0, foreach=False)),
    "adam-decay": ("adam", {"beta2": 0.95, "weightDecay": 0.1}, lambda p: T.Adam(p.values(), lr=1.0, betas=(0.9, 0.95), weight_decay=0.1, foreach=False)),
    "adamw": ("adamw", {}, lambda p: T.AdamW(p.values(), lr=1.0, foreach=False)),
    "adamw-llm": ("adamw", {"beta2": 0.95, "weightDecay": 0.1}, lambda p: T.AdamW(p.values(), lr=1.0, betas=(0.9, 0.95), weight_decay=0.1, foreach=False)),
    "adamw-epsilon": ("adamw", {"beta2": 0.95, "epsilon": 1e-5, "weightDecay": 0.1}, lambda p: T.AdamW(p.values(), lr=1.0, betas=(0.9, 0.95), eps=1e-5, weight_decay=0.1, foreach=False)),
    "adamw-masked": ("adamw", {"beta2": 0.95, "weightDecay": 0.1}, lambda p: adamw_masked(p, betas=(0.9, 0.95), weight_decay=0.1)),
    "adamw-clipped": ("adamw", {"beta2": 0.95, "weightDecay": 0.1}, lambda p: T.AdamW(p.values(), lr=1.0, betas=(0.9, 0.95), weight_decay=0.1, foreach=False)),
    "lion": ("lion", {"weightDecay": 0.1}, lambda p: Optax(p.values(), lambda lr: optax.lion(lr, b1=0.9, b2=0.99, weight_decay=0.1), {"expAvg": "mu"})),
    "adafactor": ("adafactor", {"weightDecay": 0.1}, lambda p: T.Adafactor(p.values(), lr=1.0, weight_decay=0.1, foreach=False)),
    "adafactor-matrices": ("adafactor", {"beta2Decay": -0.5, "clippingThreshold": 1.5}, lambda p: T.Adafactor(p.values(), lr=1.0, beta2_decay=-0.5, d=1.5, foreach=False)),
    "muon": ("muon", {}, lambda p: T.Muon(p.values(), lr=1.0)),
    "muon-rms": ("muon", {"nesterov": False, "scaling": "match_rms_adamw", "weightDecay": 0, "momentum": 0.9}, lambda p: T.Muon(p.values(), lr=1.0, nesterov=False, adjust_lr_fn="match_rms_adamw", weight_decay=0.0, momentum=0.9)),
}
CLIP = {"adamw-clipped": 1.0}
shapes_of = lambda name: MATRICES if name.startswith("muon") or name.endswith("matrices") else SHAPES


def learning_rate(step):
    return 0.01 * (1 - step / 200)


def plain(tree):
    return {k: v.detach().double().reshape(-1).tolist() for k, v in tree.items()}


STATE = {"exp_avg": "expAvg", "exp_avg_sq": "expAvgSq", "momentum_buffer": "momentum", "row_var": "rowVariance", "col_var": "columnVariance", "variance": "variance"}


def run(name, dtype):
    _, _, make = CASES[name]
    lcg = Lcg()
    shapes = shapes_of(name)
    params = {k: torch.nn.Parameter(v) for k, v in lcg.tree(shapes, False, dtype).items()}
    optimizer = make(params)
    rows = {}
    narrow = torch.bfloat16
    for step in range(1, STEPS + 1):
        for k, g in lcg.tree(shapes, True, dtype).items():
            params[k].grad = g.clone()
        norm = None
        if name in CLIP:
            norm = float(torch.nn.utils.clip_grad_norm_(list(params.values()), CLIP[name], foreach=False))
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step)
        torch.bfloat16 = dtype
        optimizer.step()
        torch.bfloat16 = narrow
        if step in KEEP:
            moments = {}
            for key, state in {**STATE, **{ours: ours for ours in getattr(optimizer, "moments", {})}}.items():
                found = {k: optimizer.state[p][key] for k, p in params.items() if optimizer.state[p].get(key) is not None}
                if found:
                    moments[state] = plain(found)
            rows[step] = {"params": plain(params), "state": moments, "norm": norm}
    return rows


result = {"torch": torch.__version__, "steps": STEPS, "cases": {}}
for name, (optimizer, options, _) in CASES.items():
    result["cases"][name] = {
        "optimizer": optimizer,
        "options": options,
        "clip": CLIP.get(name),
        "shapes": shapes_of(name),
        "rows": run(name, torch.float64),
        "float32": run(name, torch.float32)[STEPS]["params"],
    }
(HERE / "optimizers.json").write_text(json.dumps(result, separators=(",", ":")) + "\n")

# --- schedules

from megatron.core.optimizer_param_scheduler import OptimizerParamScheduler  # noqa: E402
import transformers  # noqa: E402


def megatron(peak, final, warmup, decay_steps, style, wsd_steps=None, wsd_style=None):
    scheduler = OptimizerParamScheduler(
        torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=peak), init_lr=0.0, max_lr=peak, min_lr=final, lr_warmup_steps=warmup,
        lr_decay_steps=decay_steps, lr_decay_style=style, start_wd=0.0, end_wd=0.0, wd_incr_steps=1, wd_incr_style="constant",
        wsd_decay_steps=wsd_steps, lr_wsd_decay_style=wsd_style,
    )

    def at(step):
        scheduler.num_steps = step
        return scheduler.get_lr({})

    return at


def stepped(make, last, lr):
    """All values of a PyTorch scheduler."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))], lr=lr)
    scheduler = make(optimizer)
    values = []
    for _ in range(last + 1):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step() if len(values) <= last else None
    return lambda step: values[step]


def lambdas(make, lr):
    """The function that a schedule of Transformers hands to LambdaLR."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    f = make(optimizer).lr_lambdas[0]
    return lambda step: lr * f(step)


def sample(source, description, last, f, joints=(), beyond=True):
    steps = {round(i * last / 199) for i in range(200)} | {0, 1, last - 1, last} | set(joints)
    if beyond:
        steps |= {last + 1, last + 1000}
    return {"source": source, **description, "points": [[s, f(s)] for s in sorted(steps)]}


MEGATRON, TORCH, HF = "Megatron-LM (megatron-core 0.16.1)", "PyTorch " + torch.__version__, "Transformers " + transformers.__version__
around = lambda *steps: [s + d for s in steps for d in (-1, 0, 1)]
schedules = []
for kind in ("cosine", "linear"):
    schedules.append(sample(MEGATRON, {"schedule": {"kind": "warmup", "schedule": {"kind": kind, "from": 3e-4, "to": 3e-5, "steps": 8000}, "steps": 2000, "from": 0}}, 10000, megatron(3e-4, 3e-5, 2000, 10000, kind), around(2000)))
schedules.append(sample(MEGATRON, {"schedule": {"kind": "warmup", "schedule": {"kind": "constant", "value": 3e-4}, "steps": 2000}}, 10000, megatron(3e-4, 3e-5, 2000, 10000, "constant"), around(2000)))
for shape in ("linear", "cosine", "exponential", "minus_sqrt"):
    schedules.append(sample(MEGATRON, {"schedule": {"kind": "wsd", "peak": 3e-4, "final": 3e-5, "warmupSteps": 2000, "steps": 20000, "decaySteps": 3000, "shape": shape}}, 20000, megatron(3e-4, 3e-5, 2000, 20000, "WSD", 3000, shape), around(2000, 17000)))
    stable = {"kind": "warmup", "schedule": {"kind": "constant", "value": 3e-4}, "steps": 2000}
    schedules.append(sample(MEGATRON, {"schedule": {"kind": "cooldown", "schedule": stable, "start": 17000, "steps": 3000, "final": 3e-5, "shape": shape}}, 20000, megatron(3e-4, 3e-5, 2000, 20000, "WSD", 3000, shape), around(2000, 17000)))
schedules.append(sample(MEGATRON, {"schedule": {"kind": "inverseSqrt", "peak": 1e-3, "warmupSteps": 2000, "final": 1e-4}}, 150000, megatron(1e-3, 1e-4, 2000, 10**9, "inverse-square-root"), around(2000)))
# LLM-jp's: peak, minimum, --train-iters, --lr-decay-iters (from which Megatron-LM subtracts the warmup). The 440M, 980M
# and 1.8B are as the 150M; 8x1.8B, whose --lr-decay-iters is its --train-iters of 492,120, as the 3.7B; the last one is
# the 172B that failed.
LLM_JP_3 = [(3e-4, 3e-5, 988240, 986240), (3e-4, 3e-5, 494120, 492120), (2.5e-4, 2.5e-5, 494120, 492120), (2e-4, 2e-5, 494120, 492120),
            (8e-5, 8e-6, 292812, 290812), (3e-4, 3e-5, 494120, 494120), (1e-4, 1e-5, 296699, 268442)]
for peak, final, iters, decay in LLM_JP_3:
    cosine = {"kind": "cosine", "from": peak, "to": final, "steps": decay - 2000}
    schedules.append(sample(MEGATRON, {"schedule": {"kind": "warmup", "schedule": cosine, "steps": 2000, "from": 0, "shape": "linear"}}, iters, megatron(peak, final, 2000, decay, "cosine"), around(2000, decay)))
stable = lambda peak, steps: {"kind": "wsd", "peak": peak, "final": round(peak / 10, 9), "warmupSteps": 2000, "steps": steps, "decaySteps": 1, "shape": "linear"}
for peak in (3e-4, 2e-4):
    for end in (1_000_000, 2_000_000, 3_000_000):
        branch = {"kind": "cooldown", "schedule": stable(peak, 12_000_000), "start": end - 100_000, "steps": 100_000, "final": 0, "shape": "minus_sqrt"}
        schedules.append(sample(MEGATRON, {"schedule": branch}, end, megatron(peak, 0.0, 2000, end, "WSD", 100_000, "minus_sqrt"), around(2000, end - 100_000)))
for peak, steps in ((3e-4, 12_000_000), (2e-4, 12_000_000), (4e-4, 12_000_000), (3e-4, 1_000_000)):
    schedules.append(sample(MEGATRON, {"schedule": stable(peak, steps)}, steps, megatron(peak, round(peak / 10, 9), 2000, steps, "WSD", 1, "linear"), around(2000)))
middle = {"kind": "wsd", "peak": 1.5e-4, "final": 0, "warmupSteps": 250, "steps": 25_000, "decaySteps": 12_500, "shape": "minus_sqrt"}
schedules.append(sample(MEGATRON, {"schedule": middle}, 25_000, megatron(1.5e-4, 0.0, 250, 25_000, "WSD", 12_500, "minus_sqrt"), around(250, 12_500)))

S = torch.optim.lr_scheduler
schedules.append(sample(TORCH, {"schedule": {"kind": "constant", "value": 0.1}}, 220, stepped(lambda o: S.ConstantLR(o, 1.0), 220, 0.1), beyond=False))
schedules.append(sample(TORCH, {"schedule": {"kind": "linear", "from": 0.025, "to": 0.1, "steps": 150}}, 220, stepped(lambda o: S.LinearLR(o, 0.25, 1.0, 150), 220, 0.1), around(150), beyond=False))
schedules.append(sample(TORCH, {"schedule": {"kind": "cosine", "from": 0.1, "to": 0.01, "steps": 220}}, 220, stepped(lambda o: S.CosineAnnealingLR(o, 220, 0.01), 220, 0.1), beyond=False))
schedules.append(sample(TORCH, {"schedule": {"kind": "polynomial", "from": 0.1, "to": 0, "steps": 200, "power": 2}}, 220, stepped(lambda o: S.PolynomialLR(o, 200, 2.0), 220, 0.1), around(200), beyond=False))
schedules.append(sample(TORCH, {"schedule": {"kind": "exponential", "from": 0.1, "rate": 0.98}}, 220, stepped(lambda o: S.ExponentialLR(o, 0.98), 220, 0.1), beyond=False))
for growth in (1, 2):
    schedules.append(sample(TORCH, {"schedule": {"kind": "cosineRestarts", "from": 0.1, "to": 0.01, "steps": 40, "growth": growth}}, 320, stepped(lambda o, m=growth: S.CosineAnnealingWarmRestarts(o, 40, m, 0.01), 320, 0.1), around(40, 80, 120, 280), beyond=False))
for anneal, three in (("cosine", False), ("linear", False), ("cosine", True), ("linear", True)):
    schedules.append(sample(TORCH, {"schedule": {"kind": "oneCycle", "peak": 0.1, "steps": 230, "warmupFraction": 0.25, "anneal": anneal, "threePhase": three}}, 229, stepped(lambda o, a=anneal, t=three: S.OneCycleLR(o, 0.1, 230, pct_start=0.25, anneal_strategy=a[:3] if a == "cosine" else a, three_phase=t, cycle_momentum=False), 229, 0.1), around(56, 57, 113, 114), beyond=False))
schedules.append(sample(TORCH, {"schedule": {"kind": "join", "schedules": [{"kind": "linear", "from": 0.01, "to": 0.1, "steps": 30}, {"kind": "constant", "value": 0.1}, {"kind": "exponential", "from": 0.1, "rate": 0.99}], "boundaries": [30, 100]}}, 220,
                        stepped(lambda o: S.SequentialLR(o, [S.LinearLR(o, 0.1, 1.0, 30), S.ConstantLR(o, 1.0), S.ExponentialLR(o, 0.99)], [30, 100]), 220, 0.1), around(30, 100), beyond=False))

schedules.append(sample(HF, {"schedule": {"kind": "inverseSqrt", "peak": 1e-3, "warmupSteps": 200, "timescale": 1000}}, 5000, lambdas(lambda o: transformers.get_inverse_sqrt_schedule(o, 200, timescale=1000), 1e-3), around(200)))
schedules.append(sample(HF, {"schedule": {"kind": "warmup", "schedule": {"kind": "polynomial", "from": 1e-3, "to": 1e-5, "steps": 1800, "power": 1.5}, "steps": 200}}, 2000, lambdas(lambda o: transformers.get_polynomial_decay_schedule_with_warmup(o, 200, 2000, lr_end=1e-5, power=1.5), 1e-3), around(200)))
schedules.append(sample(HF, {"schedule": {"kind": "warmup", "schedule": {"kind": "cosine", "from": 1e-3, "to": 0, "steps": 1800}, "steps": 200}}, 2000, lambdas(lambda o: transformers.get_cosine_schedule_with_warmup(o, 200, 2000), 1e-3), around(200), beyond=False))
restarts = {"kind": "warmup", "schedule": {"kind": "cosineRestarts", "from": 1e-3, "steps": 450}, "steps": 200}
schedules.append(sample(HF, {"schedule": {"kind": "join", "schedules": [restarts, {"kind": "constant", "value": 0}], "boundaries": [2000]}}, 2000, lambdas(lambda o: transformers.get_cosine_with_hard_restarts_schedule_with_warmup(o, 200, 2000, 4), 1e-3), around(200, 650, 1100), beyond=False))
for hf_shape, shape in (("linear", "linear"), ("cosine", "cosine"), ("1-sqrt", "1-sqrt")):
    schedules.append(sample(HF, {"schedule": {"kind": "wsd", "peak": 1e-3, "final": 0, "warmupSteps": 200, "steps": 2000, "decaySteps": 400, "shape": shape}}, 2000, lambdas(lambda o, d=hf_shape: transformers.get_wsd_schedule(o, 200, 400, 2000, decay_type=d), 1e-3), around(200, 1600)))
rise = {"kind": "warmup", "schedule": {"kind": "wsd", "peak": 1e-3, "final": 1e-4, "steps": 1800, "decaySteps": 400, "shape": "1-sqrt"}, "steps": 200, "from": 1e-4, "shape": "cosine"}
schedules.append(sample(HF, {"schedule": rise}, 2000, lambdas(lambda o: transformers.get_wsd_schedule(o, 200, 400, 2000, warmup_type="cosine", decay_type="1-sqrt", min_lr_ratio=0.1), 1e-3), around(200, 1600)))


def paper(decay):
    return lambda s: 1e-3 * s / 200 if s < 200 else 1e-3 if s < 1600 else decay(min(s, 2000) - 1600)


wsd = {"kind": "wsd", "peak": 1e-3, "warmupSteps": 200, "steps": 2000, "decaySteps": 400}
schedules.append(sample("arXiv:2404.06395, section 4 (MiniCPM), T = 50", {"schedule": {**wsd, "shape": "halving", "halfLife": 50}}, 2000, paper(lambda n: 1e-3 * 0.5 ** (n / 50)), around(200, 1600)))
schedules.append(sample("arXiv:2410.05192 (WSD-S), inverse proportional", {"schedule": {**wsd, "final": 1e-4, "shape": "inverse"}}, 2000, paper(lambda n: 1 / (n / 400 / 1e-4 + (1 - n / 400) / 1e-3)), around(200, 1600)))
schedules.append(sample("arXiv:2405.18392 (1-sqrt)", {"schedule": {**wsd, "shape": "1-sqrt"}}, 2000, paper(lambda n: 1e-3 * (1 - math.sqrt(n / 400))), around(200, 1600)))
(HERE / "schedules.json").write_text(json.dumps(schedules, separators=(",", ":")) + "\n")
