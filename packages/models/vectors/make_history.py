"""Logits, losses and gradients of the models before Transformers, by PyTorch's own layers: history.json.

Weights follow a formula (FNV-1a of the name seeds mulberry32), so that none are stored. Usage: python make_history.py > history.json
"""

import json
import struct
import base64

import numpy as np
import torch

VOCAB, EMBEDDING, HIDDEN, BATCH, LENGTH, LAYERS, WINDOW = 20, 6, 10, 2, 9, 2, 4


def weights(name, shape):
    seed = 0x811C9DC5
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x01000193) & 0xFFFFFFFF
    out = []
    for _ in range(int(np.prod(shape))):
        seed = (seed + 0x6D2B79F5) & 0xFFFFFFFF
        t = ((seed ^ (seed >> 15)) * (seed | 1)) & 0xFFFFFFFF
        t ^= (t + (((t ^ (t >> 7)) * (t | 61)) & 0xFFFFFFFF)) & 0xFFFFFFFF
        t &= 0xFFFFFFFF
        out.append(((t ^ (t >> 14)) / 4294967296 - 0.5) * 1.2)
    return torch.tensor(np.array(out, dtype=np.float32).astype(np.float64).reshape(shape))


def packed(tensor):
    values = tensor.detach().numpy().astype(np.float32).ravel()
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


tokens = [[(7 * b + 3 * t * t + t) % VOCAB for t in range(LENGTH + 1)] for b in range(BATCH)]
inputs = torch.tensor([row[:-1] for row in tokens])
targets = torch.tensor([row[1:] for row in tokens])


class Recurrent(torch.nn.Module):
    def __init__(self, kind):
        super().__init__()
        layer = {"elman": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[kind]
        self.embedding = torch.nn.Embedding(VOCAB, EMBEDDING)
        self.rnn = layer(EMBEDDING, HIDDEN, num_layers=LAYERS, batch_first=True)
        self.head = torch.nn.Linear(HIDDEN, VOCAB, bias=False)

    def forward(self, x):
        return self.head(self.rnn(self.embedding(x))[0])


class FeedForward(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(VOCAB, EMBEDDING)
        self.hidden = torch.nn.Linear(WINDOW * EMBEDDING, HIDDEN)
        self.head = torch.nn.Linear(HIDDEN, VOCAB, bias=False)

    def forward(self, x):
        e = torch.nn.functional.pad(self.embedding(x), (0, 0, WINDOW - 1, 0))
        seen = [e[:, WINDOW - 1 - back : WINDOW - 1 - back + x.shape[1]] for back in range(WINDOW)]
        return self.head(torch.tanh(self.hidden(torch.cat(seen, 2))))


def record(model):
    model = model.double()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(weights(name, tuple(parameter.shape)))
    logits = model(inputs)
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
    loss.backward()
    return {
        "logits": packed(logits),
        "loss": loss.item(),
        "gradients": {name: packed(p.grad) for name, p in model.named_parameters()},
    }


print(
    json.dumps(
        {
            "torch": torch.__version__,
            "sizes": {"vocabSize": VOCAB, "embeddingSize": EMBEDDING, "hiddenSize": HIDDEN},
            "layers": LAYERS,
            "window": WINDOW,
            "tokens": tokens,
            "models": {
                **{kind: record(Recurrent(kind)) for kind in ("elman", "gru", "lstm")},
                "feed-forward": record(FeedForward()),
            },
        },
        indent=1,
    )
)
