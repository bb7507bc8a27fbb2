"""Tiny models of every architecture, computed and written by Transformers.

    python make_transformers.py          makes vectors/transformers/*.json
    python make_transformers.py check    lets Transformers read what this package writes (node), GGUF too, and notes the result in checked.json

Weights come from a formula, so a vector holds no weights: the JSON header of each safetensors file, and the file's SHA-256.
Made with torch 2.15.0, transformers 5.24.0, safetensors 0.8.0.
"""
import base64
import hashlib
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import torch
import transformers

here = os.path.dirname(os.path.abspath(__file__))
torch.set_num_threads(1)

sizes = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             vocab_size=40, max_position_embeddings=64, bos_token_id=1, eos_token_id=2, pad_token_id=None, attn_implementation="eager")
llama, mistral, qwen2, qwen3 = (getattr(transformers, n + "Config") for n in ("Llama", "Mistral", "Qwen2", "Qwen3"))
gemma2, gemma3, olmo2 = (getattr(transformers, n + "Config") for n in ("Gemma2", "Gemma3Text", "Olmo2"))
mixtral, qwen3_moe = (getattr(transformers, n + "Config") for n in ("Mixtral", "Qwen3Moe"))
rope = lambda kind, theta=10000.0, **more: dict(rope_parameters=dict(rope_type=kind, rope_theta=theta, **more))
cases = {
    "llama-bias": (llama, dict(attention_bias=True, mlp_bias=True, tie_word_embeddings=True, head_dim=12)),
    "llama-llama3": (llama, rope("llama3", 500000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32)),
    "llama-linear": (llama, dict(hidden_act="gelu", **rope("linear", factor=4.0))),
    "llama-dynamic": (llama, dict(rope("dynamic", factor=4.0), max_position_embeddings=12)),
    "mistral": (mistral, dict(sliding_window=7, head_dim=8)),
    "qwen2": (qwen2, dict(use_sliding_window=True, sliding_window=6, max_window_layers=1, tie_word_embeddings=True)),
    "qwen3": (qwen3, dict(head_dim=16)),
    "gemma2": (gemma2, dict(head_dim=8, query_pre_attn_scalar=12, sliding_window=6, attn_logit_softcapping=4.0, final_logit_softcapping=3.0)),
    "gemma3": (gemma3, dict(num_hidden_layers=3, head_dim=8, query_pre_attn_scalar=8, sliding_window=6,
                            layer_types=["sliding_attention", "full_attention", "sliding_attention"],
                            rope_parameters=dict(full_attention=dict(rope_type="linear", factor=8.0, rope_theta=1000000.0),
                                                 sliding_attention=dict(rope_type="default", rope_theta=10000.0)))),
    "olmo2": (olmo2, dict(num_key_value_heads=4)),
    "mixtral": (mixtral, dict(num_local_experts=4, num_experts_per_tok=2, intermediate_size=16)),
    "qwen3-moe": (qwen3_moe, dict(num_experts=6, num_experts_per_tok=3, moe_intermediate_size=16, norm_topk_prob=False, head_dim=16)),
}
dtypes = {"mistral": torch.bfloat16, "qwen2": torch.float16}


def bits(name, count, salt=0):
    """Integers from -128 to 127: FNV-1a of the name, then Murmur's finalizer of it and the position."""
    seed = 0x811C9DC5
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x01000193) & 0xFFFFFFFF
    x = (np.arange(count, dtype=np.uint64) * 0x9E3779B1 + seed + salt) & 0xFFFFFFFF
    x = ((x ^ (x >> np.uint64(16))) * 0x85EBCA6B) & 0xFFFFFFFF
    x = ((x ^ (x >> np.uint64(13))) * 0xC2B2AE35) & 0xFFFFFFFF
    x = x ^ (x >> np.uint64(16))
    return (x >> np.uint64(24)).astype(np.int64) - 128


def weights(name, shape, unit):
    """Exact in every format of 16 bits. `unit`: norms multiply by 1 + weight."""
    k = bits(name, int(np.prod(shape)))
    if name.endswith("norm.weight"):
        values = (k >> 1) / 128 + (0 if unit else 1)
    else:
        values = k / 128 * (0.5 if "embed_tokens" in name else 0.25)
    return torch.tensor(values.reshape(shape), dtype=torch.float32)


def stored(name, t):
    """A parameter under the names that files have: experts are one tensor in the model, gate and up side by side, and one each in files."""
    if ".experts." not in name:
        yield name.replace(".mlp.gate.", ".block_sparse_moe.gate.") if MIXTRAL else name, t
        return
    head, kind = name.rsplit(".", 1)
    head = head.replace(".mlp.", ".block_sparse_moe.") if MIXTRAL else head
    gate, up, down = ("w1", "w3", "w2") if MIXTRAL else ("gate_proj", "up_proj", "down_proj")
    for e in range(t.shape[0]):
        parts = [(down, t[e])] if kind == "down_proj" else list(zip((gate, up), t[e].chunk(2)))
        for layer, part in parts:
            yield f"{head}.{e}.{layer}.weight", part


MIXTRAL = False


def projection(name, t):
    """Four numbers of a tensor: its norm, its product with a formula's vector, its first and last elements."""
    v = t.detach().double().flatten().numpy()
    return [float(f"{x:.9g}") for x in (np.linalg.norm(v), v @ (bits(name, v.size, 7) / 128), v[0], v[-1])]


def build(name):
    global MIXTRAL
    MIXTRAL = name == "mixtral"
    cls, more = cases[name]
    config = cls(**{**sizes, **more})
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
    with torch.no_grad():
        for n, p in model.named_parameters():
            for file_name, part in stored(n, p):
                part.copy_(weights(file_name, tuple(part.shape), name.startswith("gemma")))
    return model


tokens = torch.tensor((bits("tokens", 40) % 40).reshape(2, 20))


def losses_of(model):
    logits = model(tokens[:, :-1]).logits
    return torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]).float(), tokens[:, 1:].reshape(-1))


def written(model, **how):
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder, **how)
        files = {}
        for f in sorted(os.listdir(folder)):
            data = open(os.path.join(folder, f), "rb").read()
            if f.endswith(".safetensors"):
                n = int.from_bytes(data[:8], "little")
                files[f] = dict(header=data[8:8 + n].decode(), bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
            else:
                files[f] = json.loads(data)
        return files


def make(name):
    model = build(name)
    with torch.no_grad():
        logits = model(tokens).logits.float().numpy()
    vector = dict(logits=base64.b64encode(logits.tobytes()).decode())
    dtype = dtypes.get(name, torch.float32)
    narrow = build(name).to(dtype)
    vector["single"] = written(narrow)
    vector["sharded"] = written(narrow, max_shard_size="20KB" if dtype == torch.float32 else "10KB")
    model = build(name)  # dynamic positions remember the longest sequence
    loss = losses_of(model)
    loss.backward()
    vector["loss"] = loss.item()
    vector["gradients"] = {f: projection(f, t) for n, p in model.named_parameters() for f, t in stored(n, p.grad)}
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, betas=(0.9, 0.95), eps=1e-6, weight_decay=0.1)
    vector["losses"] = []
    for _ in range(10):
        optimizer.zero_grad()
        loss = losses_of(model)
        loss.backward()
        optimizer.step()
        vector["losses"].append(loss.item())
    vector["trained"] = {f: projection(f, t) for n, p in model.named_parameters() for f, t in stored(n, p)}
    with open(os.path.join(here, "transformers", name + ".json"), "w") as f:
        json.dump(vector, f)
        f.write("\n")
    print(name, [round(x, 4) for x in vector["losses"]])


def check():
    result = dict(torch=torch.__version__, transformers=transformers.__version__, logits={})
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["node", "--conditions=source", "--import", "tsx", os.path.join(here, "write-folders.ts"), folder, *cases], check=True)
        for name in cases:
            for kind in ("single", "sharded"):
                model, info = transformers.AutoModelForCausalLM.from_pretrained(
                    os.path.join(folder, name, kind), dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
                assert not any(info[k] for k in ("missing_keys", "unexpected_keys", "mismatched_keys")), info
                with torch.no_grad():
                    difference = (model.eval()(tokens).logits - build(name)(tokens).logits).abs().max().item()
                result["logits"][f"{name} {kind}"] = difference
                assert difference < 1e-5, (name, kind, difference)
        # GGUF, in float32: Transformers undoes what llama.cpp's Llama does to rows of queries and keys.
        result["gguf"] = {}
        for name in ("llama-llama3",):  # it takes 128 for the heads of any Qwen3
            cls, more = cases[name]
            with_rope = build(name)
            plain = transformers.AutoModelForCausalLM.from_config(
                cls(**{**sizes, **more, "rope_parameters": dict(rope_type="default", rope_theta=10000.0)}), attn_implementation="eager").eval()
            plain.load_state_dict(with_rope.state_dict())
            model = transformers.AutoModelForCausalLM.from_pretrained(
                os.path.join(folder, name), gguf_file="model.gguf", dtype=torch.float32, attn_implementation="eager")
            with torch.no_grad():
                difference = (model.eval()(tokens).logits - plain(tokens).logits).abs().max().item()
            result["gguf"][name] = difference
            assert difference < 1e-5, (name, difference)
    with open(os.path.join(here, "transformers", "checked.json"), "w") as f:
        json.dump(result, f, indent=2)
        f.write("\n")
    print(result)


if __name__ == "__main__":
    if sys.argv[1:] == ["check"]:
        check()
    else:
        for name in sys.argv[1:] or cases:
            make(name)
