"""Golden vectors for a training step, made with PyTorch and the LlamaForCausalLM of Hugging Face Transformers.

    python3 -m venv venv && venv/bin/pip install torch transformers numpy && venv/bin/python make_training_steps.py

Writes training-steps.json beside this file (README.md describes its keys). Made with torch 2.15.0, transformers 5.23.0, numpy 2.4.6,
Python 3.11 on an x86-64 CPU. Another CPU or PyTorch may change the last digits of the float32 results.

Ten steps of two small models, float32, attn_implementation="eager", one thread. Weights and tokens are not stored; they follow from:

    fnv1a(text):     h = 0x811c9dc5; for each byte b of the UTF-8 text: h = imul(h ^ b, 0x01000193); all mod 2^32
    mulberry32(a):   each call: a = (a + 0x6d2b79f5) mod 2^32; t = a
                     t = imul(t ^ (t >>> 15), t | 1)
                     t = t ^ (t + imul(t ^ (t >>> 7), t | 61))
                     returns (t ^ (t >>> 14)) >>> 0        (the first value is the one after the first advance)

    parameter NAME:  r = mulberry32(fnv1a(NAME)), one call per element in row-major order, h = r() / 2^32 in float64;
                     matrix (2 dimensions): ((h - 0.5) * 2) * 0.05;  norm weight (1 dimension): 1 + (h - 0.5) * 0.2;
                     computed in float64, then rounded to float32. NAME and shape are those of model.named_parameters().
    tokens:          r = mulberry32(fnv1a("tokens")), one stream over all steps; step k takes the next 2 * 17 values, each mod the
                     vocabulary size, as 2 rows of 17: inputs are the first 16 of each row, targets the last 16.
                     Then the target of step 0, row 0, position 5 becomes -1: it is not counted.

Loss: mean over the counted targets of nll + 1e-4 * logsumexp(logits)^2. Gradients are clipped with clip_grad_norm_(1.0), that is times
min(1, 1 / (norm + 1e-6)). torch.optim.AdamW: betas (0.9, 0.95), eps 1e-8, decay 0.1 on matrices (embedding and lm_head included),
0 on norm weights. Learning rate of step k (from 0): 1e-2 * min(1, (k + 1) / 3).

float64: the same run with nothing in float32. model.double() alone is not that: Transformers computes RMSNorm, softmax and the rotary
angles in float32 whatever the type of the weights, so these casts are turned into casts to float64 here. Weights start from the same
float32 values. The distance between the two runs shows how far float32 rounding alone carries a result.

bf16Weights: the mha run, with every parameter (norm weights too) rounded to bfloat16 (to nearest, ties to even) for the forward and
backward pass. The gradient passes the rounding unchanged to the float32 parameter, which the optimizer updates; nothing else is rounded.
"""

import base64
import contextlib
import hashlib
import json
import os
import platform

import numpy as np
import torch
import torch.nn.functional as F
import transformers
from torch.overrides import TorchFunctionMode
from transformers import LlamaConfig, LlamaForCausalLM

HERE = os.path.dirname(os.path.abspath(__file__))
MASK = 0xFFFFFFFF

STEPS, BATCH, LENGTH = 10, 2, 16
IGNORED = {"step": 0, "row": 0, "position": 5}
Z_LOSS, CLIP, PEAK, WARMUP, DECAY, BETAS, EPS = 1e-4, 1.0, 1e-2, 3, 0.1, (0.9, 0.95), 1e-8
WHOLE, STRIDE = 4096, 7

CONFIGS = {
    "mha": dict(vocab_size=97, hidden_size=32, intermediate_size=88, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=4),
    "gqa": dict(vocab_size=131, hidden_size=48, intermediate_size=96, num_hidden_layers=3, num_attention_heads=6, num_key_value_heads=2),
}
SHARED = dict(head_dim=8, max_position_embeddings=64, rms_norm_eps=1e-5, tie_word_embeddings=False)
ROPE_THETA = 10000.0


def fnv1a(text):
    h = 0x811C9DC5
    for byte in text.encode("utf-8"):
        h = ((h ^ byte) * 0x01000193) & MASK
    return h


def mulberry32(a):
    while True:
        a = (a + 0x6D2B79F5) & MASK
        t = a
        t = ((t ^ (t >> 15)) * (t | 1)) & MASK
        t ^= (t + (((t ^ (t >> 7)) * (t | 61)) & MASK)) & MASK
        yield t ^ (t >> 14)


def weight(name, shape):
    stream = mulberry32(fnv1a(name))
    hashes = [next(stream) / 2**32 for _ in range(int(np.prod(shape)))]
    values = [((h - 0.5) * 2) * 0.05 for h in hashes] if len(shape) == 2 else [1 + (h - 0.5) * 0.2 for h in hashes]
    return np.array(values, dtype=np.float64).astype(np.float32).reshape(tuple(shape))


def batches(vocab):
    stream = mulberry32(fnv1a("tokens"))
    result = []
    for step in range(STEPS):
        ids = np.array([next(stream) % vocab for _ in range(BATCH * (LENGTH + 1))], dtype=np.int64).reshape(BATCH, LENGTH + 1)
        inputs, targets = ids[:, :-1].copy(), ids[:, 1:].copy()
        if step == IGNORED["step"]:
            targets[IGNORED["row"], IGNORED["position"]] = -1
        result.append((torch.from_numpy(inputs), torch.from_numpy(targets)))
    return result


class NoFloat32(TorchFunctionMode):
    """Turns every request for float32 into one for float64."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        wide = lambda value: torch.float64 if value is torch.float32 else value
        if func is torch.Tensor.float:
            func = torch.Tensor.double
        return func(*map(wide, args), **{key: wide(value) for key, value in (kwargs or {}).items()})


class RoundToBfloat16(torch.autograd.Function):
    @staticmethod
    def forward(ctx, master):
        return master.bfloat16().float()

    @staticmethod
    def backward(ctx, gradient):
        return gradient


def build(config):
    # rope_theta is checked below: its place in LlamaConfig differs between versions of Transformers.
    model = LlamaForCausalLM(LlamaConfig(**config, **SHARED, attn_implementation="eager")).train()
    expected = 1.0 / ROPE_THETA ** (np.arange(0, SHARED["head_dim"], 2) / SHARED["head_dim"])
    assert np.allclose(model.model.rotary_emb.inv_freq.numpy(), expected, rtol=1e-6)
    assert model.config._attn_implementation == "eager"
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.from_numpy(weight(name, parameter.shape)))
    return model


def forward(model, inputs, targets, rounded=False):
    parameters = {n: RoundToBfloat16.apply(p) for n, p in model.named_parameters()} if rounded else dict(model.named_parameters())
    logits = torch.func.functional_call(model, parameters, (), dict(input_ids=inputs, use_cache=False)).logits
    flat, wanted = logits.reshape(-1, logits.shape[-1]), targets.reshape(-1)
    counted = wanted != -1
    nll = F.cross_entropy(flat, wanted, ignore_index=-1, reduction="none")
    z = torch.logsumexp(flat, dim=-1) ** 2
    return logits, (nll + Z_LOSS * z)[counted].sum() / counted.sum()


def train(config, wide=False, rounded=False):
    """Returns losses, norms before clipping, final sums, and of step 0 the gradients and logits."""
    with NoFloat32() if wide else contextlib.nullcontext():
        model = build(config)
        if wide:
            model.double()
            assert model.model.rotary_emb.inv_freq.dtype == torch.float64
        groups = [
            {"params": [p for p in model.parameters() if p.ndim >= 2], "weight_decay": DECAY},
            {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, lr=PEAK, betas=BETAS, eps=EPS, foreach=False, fused=False)
        losses, norms, first = [], [], {}
        for step, (inputs, targets) in enumerate(batches(config["vocab_size"])):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step)
            optimizer.zero_grad(set_to_none=True)
            logits, loss = forward(model, inputs, targets, rounded)
            loss.backward()
            assert loss.dtype == (torch.float64 if wide else torch.float32)
            if step == 0:
                first["gradients"] = {name: p.grad.detach().numpy().copy() for name, p in model.named_parameters()}
                first["logits"] = logits.detach().numpy().copy()
            norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP).item())
            optimizer.step()
            losses.append(loss.item())
        final = {name: sums(p.detach().numpy()) for name, p in model.named_parameters()}
    return {"losses": losses, "gradientNorms": norms, "final": final}, first


def learning_rate(step):
    return PEAK * min(1, (step + 1) / WARMUP)


def sums(array):
    array = array.astype(np.float64)
    return {"sum": float(array.sum()), "sumOfSquares": float((array**2).sum())}


def encode(array):
    return base64.b64encode(np.ascontiguousarray(array, dtype="<f4").tobytes()).decode("ascii")


def gradient(narrow, wide):
    stride = 1 if narrow.size <= WHOLE else STRIDE
    return {
        "shape": list(narrow.shape),
        **sums(narrow),
        "largest": float(np.abs(narrow).max()),
        "float32Error": float(np.abs(narrow.astype(np.float64) - wide).max()),
        "stride": stride,
        "values": encode(narrow.reshape(-1)[::stride]),
    }


def case(config):
    run, first = train(config)
    wide, first_wide = train(config, wide=True)
    tokens = batches(config["vocab_size"])
    with torch.no_grad():
        as_shipped = forward(build(config).double(), *tokens[0])[1].item()
    assert abs(wide["losses"][0] - run["losses"][0]) < 1e-5 and abs(as_shipped - run["losses"][0]) < 1e-5
    return {
        "config": {**config, **SHARED, "rope_theta": ROPE_THETA},
        "weights": {
            name: {"shape": list(g.shape), "sha256": hashlib.sha256(weight(name, g.shape).astype("<f4").tobytes()).hexdigest()}
            for name, g in first["gradients"].items()
        },
        "tokens": [{"inputs": inputs.tolist(), "targets": targets.tolist()} for inputs, targets in tokens],
        "losses": run["losses"],
        "gradientNorms": run["gradientNorms"],
        "step0": {
            "logits": encode(first["logits"][0, 0]),
            "lastLogits": encode(first["logits"][-1, -1]),
            "logitsFloat32Error": float(np.abs(first["logits"] - first_wide["logits"]).max()),
            "lossModelDouble": as_shipped,
            "gradients": {name: gradient(g, first_wide["gradients"][name]) for name, g in first["gradients"].items()},
        },
        "final": run["final"],
        "float64": wide,
    }


def dump(value, indent=0):
    """JSON with one line for each array and each object of scalars only."""
    if isinstance(value, dict) and any(isinstance(item, (dict, list)) for item in value.values()):
        inner = " " * (indent + 1)
        lines = ",\n".join(f"{inner}{json.dumps(key)}: {dump(item, indent + 1)}" for key, item in value.items())
        return "{\n" + lines + "\n" + " " * indent + "}"
    return json.dumps(value, allow_nan=False)


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(0)
    versions = {"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__, "numpy": np.__version__}
    result = {
        "madeWith": {**versions, "python": platform.python_version()},
        "training": {
            "steps": STEPS, "batch": BATCH, "length": LENGTH, "ignored": IGNORED, "zLoss": Z_LOSS, "clip": CLIP, "weightDecay": DECAY,
            "betas": BETAS, "eps": EPS, "learningRates": [learning_rate(step) for step in range(STEPS)],
        },
        **{name: case(config) for name, config in CONFIGS.items()},
        "bf16Weights": {"of": "mha", **train(CONFIGS["mha"], rounded=True)[0]},
    }
    with open(os.path.join(HERE, "training-steps.json"), "w", encoding="utf-8") as file:
        file.write(dump(result) + "\n")


if __name__ == "__main__":
    main()
