"""Golden vectors for training in narrow formats, made with PyTorch and the LlamaForCausalLM of Hugging Face Transformers.

    python3 -m venv venv && venv/bin/pip install torch transformers numpy && venv/bin/python make_precision_steps.py

Writes precision-steps.json beside this file. Made with torch 2.15.0, transformers 5.24.0, numpy 2.4.6, Python 3.11 on an x86-64 CPU.

Twenty steps of the model `mha` of make_training_steps.py (same weights, loss, optimizer and rate; tokens go on in the same stream) under
two policies, every number that they store rounded by PyTorch's own casts, products of rounded values in float32:

    bf16         Matrices are rounded to bfloat16 from float32 masters. The input of every linear layer (the head too) is rounded to
                 bfloat16, and so are SwiGLU's gate and up; the backward pass multiplies the float32 gradient by those rounded operands.
                 Everything else is float32.
    fp8-current  Like bf16; and in the linear layers of the blocks the rounded input x, the rounded weight w and the gradient g become
                 q(t) = cast(t * s), s = float32(greatest / amax(t)), in float8_e4m3fn (x, w) and float8_e5m2 (g);
                 y = q(x) q(w)^T / (s_x s_w), dx = q(g) q(w) / (s_g s_w), dw = q(g)^T q(x) / (s_g s_x).

`wide` is the same with every sum in float64, and the same roundings: the distance between the two shows how far the order of float32
additions carries a result, now and then across the border where a rounding goes the other way.
"""

import contextlib
import json
import os
import platform

import numpy as np
import torch
import torch.nn.functional as F
import transformers

import make_training_steps as base

HERE = os.path.dirname(os.path.abspath(__file__))
STEPS = 20


def batches(vocab):
    base.STEPS = STEPS
    return base.batches(vocab)


def bfloat16(t):
    return t.float().bfloat16().to(t.dtype)


def quantize(t, dtype):
    """The decoded codes of t times its scale, and the scale; in the type of t."""
    amax = t.float().abs().max()
    scale = torch.tensor(torch.finfo(dtype).max, dtype=torch.float32) / amax
    return (t.float() * scale).to(dtype).to(t.dtype), scale.to(t.dtype)


class Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w, fp8):
        x, w = bfloat16(x), bfloat16(w)
        ctx.fp8 = fp8
        if fp8:
            x, sx = quantize(x, torch.float8_e4m3fn)
            w, sw = quantize(w, torch.float8_e4m3fn)
            ctx.save_for_backward(x, w, sx, sw)
            return (x @ w.T) * (1 / sx * (1 / sw))
        ctx.save_for_backward(x, w)
        return x @ w.T

    @staticmethod
    def backward(ctx, g):
        if not ctx.fp8:
            x, w = ctx.saved_tensors
            return g @ w, g.reshape(-1, g.shape[-1]).T @ x.reshape(-1, x.shape[-1]), None
        x, w, sx, sw = ctx.saved_tensors
        q, sg = quantize(g, torch.float8_e5m2)
        dx = (q @ w) * (1 / sg * (1 / sw))
        dw = (q.reshape(-1, q.shape[-1]).T @ x.reshape(-1, x.shape[-1])) * (1 / sg * (1 / sx))
        return dx, dw, None


class Rounded(torch.autograd.Function):
    @staticmethod
    def forward(ctx, t):
        return bfloat16(t)

    @staticmethod
    def backward(ctx, g):
        return g


def prepare(model, fp8):
    """Puts the linear layers and the embedding of a policy in."""
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear):
            inside = fp8 and ".layers." in f".{name}"
            if name.endswith(("gate_proj", "up_proj")):
                module.forward = lambda x, m=module, f=inside: Rounded.apply(Linear.apply(x, m.weight, f))
            else:
                module.forward = lambda x, m=module, f=inside: Linear.apply(x, m.weight, f)
        if isinstance(module, torch.nn.Embedding):
            module.forward = lambda ids, m=module: F.embedding(ids, Rounded.apply(m.weight))


def train(config, fp8, wide):
    with base.NoFloat32() if wide else contextlib.nullcontext():
        model = base.build(config)
        if wide:
            model.double()
    prepare(model, fp8)
    groups = [
        {"params": [p for p in model.parameters() if p.ndim >= 2], "weight_decay": base.DECAY},
        {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=base.PEAK, betas=base.BETAS, eps=base.EPS, foreach=False, fused=False)
    losses, norms, first = [], [], {}
    for step, (inputs, targets) in enumerate(batches(config["vocab_size"])):
        for group in optimizer.param_groups:
            group["lr"] = base.learning_rate(step)
        optimizer.zero_grad(set_to_none=True)
        _, loss = base.forward(model, inputs, targets)
        loss.backward()
        if step == 0:
            first = {name: p.grad.detach().numpy().copy() for name, p in model.named_parameters()}
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), base.CLIP).item())
        optimizer.step()
        losses.append(loss.item())
    return {"losses": losses, "gradientNorms": norms}, first


def case(config, fp8):
    run, first = train(config, fp8, wide=False)
    wide, first_wide = train(config, fp8, wide=True)
    return {**run, "wide": wide, "gradients": {n: base.gradient(g, first_wide[n]) for n, g in first.items()}}


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(0)
    base.WHOLE, base.STRIDE = 256, 31
    config = base.CONFIGS["mha"]
    versions = {"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__, "numpy": np.__version__}
    result = {
        "madeWith": {**versions, "python": platform.python_version()},
        "of": "mha",
        "steps": STEPS,
        "learningRates": [base.learning_rate(step) for step in range(STEPS)],
        "tokens": [{"inputs": i.tolist(), "targets": t.tolist()} for i, t in batches(config["vocab_size"])],
        "bf16": case(config, fp8=False),
        "fp8-current": case(config, fp8=True),
    }
    with open(os.path.join(HERE, "precision-steps.json"), "w", encoding="utf-8") as file:
        file.write(base.dump(result) + "\n")
    for name in ["bf16", "fp8-current"]:
        print(name, [f"{a:.5f}/{a - b:.1e}" for a, b in zip(result[name]["losses"], result[name]["wide"]["losses"])])


if __name__ == "__main__":
    main()
