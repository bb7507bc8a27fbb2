/**
 * The Python script that times PyTorch, as a string so that it is part of a bundle. Its argument is a JSON object of
 * cases; it prints a JSON line before and after each, so that a case that fails costs only itself.
 */
export const pytorchScript = `
import json
import math
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

torch.backends.cuda.matmul.allow_tf32 = False
torch.backends.cudnn.allow_tf32 = False
wanted = json.load(sys.stdin)
cuda = torch.cuda.is_available()
device = "cuda" if cuda else "cpu"


def say(**fields):
    print(json.dumps(fields), flush=True)


def wait():
    if cuda:
        torch.cuda.synchronize()


def seconds(call):
    call()
    wait()
    calls, times = 1, []
    while True:
        start = time.perf_counter()
        for _ in range(calls):
            call()
        wait()
        spent = time.perf_counter() - start
        if spent > 0.05 or calls >= 1024:
            times.append(spent / calls)
            if len(times) == (5 if spent < 1 else 1):
                return sorted(times)[len(times) // 2]
        else:
            calls *= 2


def product(spec):
    m, k, n = spec["shape"]
    dtype = getattr(torch, spec["dtype"])
    a = torch.randn(*((k, m) if spec["layout"][0] == "T" else (m, k)), device=device).to(dtype)
    b = torch.randn(*((n, k) if spec["layout"][1] == "T" else (k, n)), device=device).to(dtype)
    a, b = a.t() if spec["layout"][0] == "T" else a, b.t() if spec["layout"][1] == "T" else b
    return {"milliseconds": 1e3 * seconds(lambda: a @ b)}


def attention(spec):
    b, t, h, kv, d = spec["shape"]
    dtype = getattr(torch, spec["dtype"])
    q, k, v = (torch.randn(b, heads, t, d, device=device, dtype=dtype, requires_grad=True) for heads in (h, kv, kv))

    def both():
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=h != kv)
        torch.autograd.grad(out.float().square().sum(), [q, k, v])

    return {"milliseconds": 1e3 * seconds(both)}


class Block(nn.Module):
    def __init__(self, a):
        super().__init__()
        hidden, self.h, self.kv, self.d = a["hiddenSize"], a["numAttentionHeads"], a["numKeyValueHeads"], a["headDim"]
        linear = lambda i, o: nn.Linear(i, o, bias=False)
        self.q, self.k, self.v = linear(hidden, self.h * self.d), linear(hidden, self.kv * self.d), linear(hidden, self.kv * self.d)
        self.o = linear(self.h * self.d, hidden)
        self.gate, self.up = linear(hidden, a["intermediateSize"]), linear(hidden, a["intermediateSize"])
        self.down = linear(a["intermediateSize"], hidden)
        self.before, self.after = nn.RMSNorm(hidden, eps=1e-5), nn.RMSNorm(hidden, eps=1e-5)

    def forward(self, x, cos, sin):
        b, t, _ = x.shape
        y = self.before(x)
        q, k, v = (f(y).view(b, t, heads, self.d).transpose(1, 2) for f, heads in ((self.q, self.h), (self.k, self.kv), (self.v, self.kv)))

        def turned(z):
            one, two = z.chunk(2, -1)
            return (z * cos + torch.cat((-two, one), -1) * sin).to(v.dtype)

        z = F.scaled_dot_product_attention(turned(q), turned(k), v, is_causal=True, enable_gqa=self.h != self.kv)
        x = x + self.o(z.transpose(1, 2).reshape(b, t, -1))
        y = self.after(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


class Decoder(nn.Module):
    def __init__(self, a):
        super().__init__()
        self.embed = nn.Embedding(a["paddedVocabSize"], a["hiddenSize"])
        self.blocks = nn.ModuleList(Block(a) for _ in range(a["numHiddenLayers"]))
        self.norm = nn.RMSNorm(a["hiddenSize"], eps=1e-5)
        self.head = nn.Linear(a["hiddenSize"], a["paddedVocabSize"], bias=False)
        self.d = a["headDim"]

    def forward(self, ids):
        t = ids.shape[1]
        frequency = 10000.0 ** (-torch.arange(0, self.d, 2, device=ids.device).float() / self.d)
        angle = torch.arange(t, device=ids.device).float()[:, None] * frequency
        cos, sin = torch.cat((angle, angle), -1).cos(), torch.cat((angle, angle), -1).sin()
        x = self.embed(ids)
        for block in self.blocks:
            x = block(x, cos, sin)
        return self.head(self.norm(x))


def training(spec):
    a, (b, t) = spec["architecture"], spec["shape"]
    torch.manual_seed(0)
    with torch.device(device):
        model = Decoder(a)
    for p in model.parameters():
        if p.ndim > 1:
            nn.init.normal_(p, std=0.02)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    ids = torch.randint(0, a["vocabSize"], (b, t + 1), device=device)
    losses = []

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device, dtype=torch.bfloat16, enabled=spec["precision"] == "bf16"):
            logits = model(ids[:, :-1])
        loss = F.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.detach())

    if cuda:
        torch.cuda.reset_peak_memory_stats()
    second = seconds(step)
    first = losses[0].item()
    if abs(first - math.log(a["vocabSize"])) > 0.2 * math.log(a["vocabSize"]):
        raise RuntimeError(f"the first loss is {first}")
    return {
        "tokensPerSecond": b * t / second, "secondsPerStep": second,
        **({"takenBytes": torch.cuda.max_memory_allocated()} if cuda else {}),
    }


say(torch=torch.__version__, device=torch.cuda.get_device_name() if cuda else "cpu", cuda=torch.version.cuda or "none")
for spec in wanted:
    say(begin=spec["name"])
    try:
        say(name=spec["name"], figures={"product": product, "attention": attention, "training": training}[spec["kind"]](spec))
    except Exception as error:
        say(name=spec["name"], error=f"{type(error).__name__}: {error}"[:400])
    if cuda:
        torch.cuda.empty_cache()
`
