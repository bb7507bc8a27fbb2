/**
 * The Python script that times PyTorch, as a string so that it is part of a bundle. Reads { products: [[m, k, n,
 * dtype]], attentions: [[t, h, d]] } from stdin and prints JSON lines.
 */
export const pytorchScript = `
import json
import sys
import time

import torch

torch.backends.cuda.matmul.allow_tf32 = False
wanted = json.load(sys.stdin)
device = "cuda" if torch.cuda.is_available() else "cpu"
name = torch.cuda.get_device_name() if device == "cuda" else "cpu"
print(json.dumps({"torch": torch.__version__, "device": name}), flush=True)


def seconds(call):
    def wait():
        if device == "cuda":
            torch.cuda.synchronize()

    call()
    wait()
    times = []
    for _ in range(7):
        start = time.perf_counter()
        for _ in range(10 if device == "cuda" else 1):
            call()
        wait()
        times.append((time.perf_counter() - start) / (10 if device == "cuda" else 1))
    return sorted(times)[len(times) // 2]


for m, k, n, dtype in wanted["products"]:
    a = torch.randn(m, k, device=device, dtype=getattr(torch, dtype))
    b = torch.randn(k, n, device=device, dtype=getattr(torch, dtype))
    print(json.dumps({"kernel": f"matmul {m} x {k} x {n} {dtype}", "milliseconds": 1e3 * seconds(lambda: a @ b)}), flush=True)

for t, h, d in wanted["attentions"]:
    q, k, v = (torch.randn(1, h, t, d, device=device, dtype=torch.bfloat16, requires_grad=True) for _ in range(3))

    def both():
        out = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        torch.autograd.grad(out.square().sum(), [q, k, v])

    print(json.dumps({"kernel": f"attention T{t} H{h} D{d} bfloat16 forward+backward", "milliseconds": 1e3 * seconds(both)}), flush=True)
`
