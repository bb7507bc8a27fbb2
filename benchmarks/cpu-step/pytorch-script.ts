/**
 * The Python script of PyTorch's step: Llama of Transformers on the same weights and tokens. Its argument is a JSON
 * object; it makes a step for every line on stdin, and prints JSON lines.
 */
export const pytorchScript = `
import json
import resource
import sys
import time

import torch
from transformers import AutoModelForCausalLM

spec = json.loads(sys.argv[1])
torch.set_num_threads(spec["threads"])
model = AutoModelForCausalLM.from_pretrained(spec["folder"], dtype=torch.float32, attn_implementation="sdpa")
model.train()
matrices = [p for p in model.parameters() if p.ndim >= 2]
vectors = [p for p in model.parameters() if p.ndim < 2]
optimizer = torch.optim.AdamW(
    [{"params": matrices, "weight_decay": spec["weightDecay"]}, {"params": vectors, "weight_decay": 0.0}],
    lr=spec["learningRate"], betas=(spec["beta1"], spec["beta2"]), eps=spec["epsilon"], fused=True,
)
inputs, targets = (torch.tensor(ids).view(spec["batch"], spec["sequence"]) for ids in (spec["inputs"], spec["targets"]))
print(json.dumps({"version": torch.__version__}), flush=True)


def processor_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


for _ in sys.stdin:
    before, start = processor_seconds(), time.perf_counter()
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=spec["precision"] == "bf16"):
        logits = model(input_ids=inputs, use_cache=False).logits
    loss = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten().long())
    del logits
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), spec["maxNorm"])
    optimizer.step()
    value = loss.item()
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "processorSeconds": processor_seconds() - before, "loss": value}), flush=True)
`
