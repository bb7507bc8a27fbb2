"""Adapters computed and written by PEFT, on two of the models of make_transformers.py.

    python make_peft.py          makes vectors/peft/*.json
    python make_peft.py check    lets PEFT read what this package writes (node), and notes the result in checked.json

Made with torch 2.15.0, transformers 5.24.0, peft 0.21.2.
"""
import base64
import hashlib
import json
import os
import subprocess
import sys
import tempfile

import peft
import torch

from make_transformers import bits, build, losses_of, projection, tokens

here = os.path.dirname(os.path.abspath(__file__))
adapters = {
    "qwen2": dict(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "mlp.down_proj"]),
    "mistral": dict(r=3, lora_alpha=5, target_modules="all-linear", use_rslora=True),
}


def adapted(name):
    model = peft.get_peft_model(build(name), peft.LoraConfig(task_type="CAUSAL_LM", **adapters[name])).eval()
    with torch.no_grad():
        for n, p in model.named_parameters():
            if "lora_" in n:
                key = n.removeprefix("base_model.model.").replace(".default", "")
                p.copy_(torch.tensor(bits(key, p.numel()) / 128 * 0.25, dtype=torch.float32).reshape(p.shape))
    return model


def logits_of(model):
    with torch.no_grad():
        return model(input_ids=tokens).logits.float().numpy()


def make(name):
    model = adapted(name)
    vector = dict(base=name, logits=base64.b64encode(logits_of(model).tobytes()).decode())
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        data = open(os.path.join(folder, "adapter_model.safetensors"), "rb").read()
        n = int.from_bytes(data[:8], "little")
        vector["config"] = json.load(open(os.path.join(folder, "adapter_config.json")))
        vector["file"] = dict(header=data[8:8 + n].decode(), bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    vector["config"]["target_modules"] = sorted(vector["config"]["target_modules"])
    logits = model(input_ids=tokens[:, :-1]).logits
    torch.nn.functional.cross_entropy(logits.reshape(-1, 40).float(), tokens[:, 1:].reshape(-1)).backward()
    short = lambda n: n.removeprefix("base_model.model.").replace(".default", "")
    vector["gradients"] = {short(n): projection(short(n), p.grad) for n, p in model.named_parameters() if p.grad is not None}
    with open(os.path.join(here, "peft", name + ".json"), "w") as f:
        json.dump(vector, f)
        f.write("\n")


def check():
    result = dict(torch=torch.__version__, peft=peft.__version__, logits={})
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["node", "--conditions=source", "--import", "tsx", os.path.join(here, "write-adapters.ts"), folder, *adapters], check=True)
        for name in adapters:
            model = peft.PeftModel.from_pretrained(build(name), os.path.join(folder, name)).eval()
            difference = float(abs(logits_of(model) - logits_of(adapted(name))).max())
            assert difference < 1e-5, (name, difference)
            result["logits"][name] = difference
    with open(os.path.join(here, "peft", "checked.json"), "w") as f:
        json.dump(result, f, indent=2)
        f.write("\n")
    print(result)


if __name__ == "__main__":
    if sys.argv[1:] == ["check"]:
        check()
    else:
        for name in adapters:
            make(name)
