"""Makes reestimated.json: what expectation and maximisation make of the scores of unigram.model, found by SentencePiece itself.

    python3 -m venv venv && venv/bin/pip install sentencepiece==0.2.1 protobuf==7.36.2 && venv/bin/python make_reestimated.py

Made with sentencepiece 0.2.1, Python 3.11. The texts are so short that SentencePiece's n-best list has every segmentation of them, so the
expected count of each piece is a sum over the list; a maximisation step is the logarithm of its share. Pieces expected less often than
0.5 are counted as 0.5.
"""

import json
import math
import os

import sentencepiece as spm
from sentencepiece import sentencepiece_model_pb2 as pb

HERE = os.path.dirname(os.path.abspath(__file__))
TEXTS = ["木の箱を", "学習", "言語モデル", "the box", "a wooden", "training", "model", "木の学習", "ーーー", "aaaa", "12 34", "を作った", "The", "箱"] * 3
TEXTS += ["repaired", "an old", "手紙", "  x"]


def expected(model):
    sp = spm.SentencePieceProcessor(model_proto=model.SerializeToString())
    counts = [0.0] * len(model.pieces)
    for text in TEXTS:
        best = sp.nbest_encode(text, nbest_size=1024, out_type="immutable_proto").nbests
        assert len(best) < 1024, text
        total = sum(math.exp(one.score) for one in best)
        for one in best:
            for piece in one.pieces:
                counts[piece.id] += math.exp(one.score) / total
    return counts


def main():
    model = pb.ModelProto()
    with open(os.path.join(HERE, "unigram.model"), "rb") as file:
        model.ParseFromString(file.read())
    normal = [k for k, piece in enumerate(model.pieces) if piece.type == pb.ModelProto.SentencePiece.NORMAL]
    rounds = []
    for _ in range(3):
        counts = expected(model)
        shares = {k: max(counts[k], 0.5) for k in normal}
        total = sum(shares.values())
        for k in normal:
            model.pieces[k].score = math.log(shares[k] / total)
        rounds.append([round(model.pieces[k].score, 6) for k in normal])
    with open(os.path.join(HERE, "estimation", "reestimated.json"), "w", encoding="utf-8") as file:
        json.dump({"sentencepiece": spm.__version__, "texts": TEXTS, "ids": normal, "scores": rounds}, file, ensure_ascii=True)
        file.write("\n")


if __name__ == "__main__":
    main()
