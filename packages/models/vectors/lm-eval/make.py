"""Scores of lm-evaluation-harness on a tiny model and local tasks: pip install lm-eval==0.4.13 accelerate torch transformers==5.24.0; python make.py

Writes the model (model/), the data (tasks/*.jsonl, ...) and scores.json, with the log-likelihood of every request.
"""
import csv, json, os, random, sys
from pathlib import Path

here = Path(__file__).parent.resolve()
os.chdir(here / "tasks")
import torch, lm_eval, lm_eval.tasks, transformers
from tokenizers import Tokenizer, models, pre_tokenizers, decoders, trainers, processors
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

rng = random.Random(7)
nouns, verbs = ["cat", "dog", "bird", "child", "river", "house"], ["sees", "likes", "finds", "follows"]
sentence = lambda: f"The {rng.choice(nouns)} {rng.choice(verbs)} the {rng.choice(nouns)}"
def english(i):
    a, b, c = sentence(), sentence(), sentence()
    return {"question": f"What does the {rng.choice(nouns)} do in picture {i}?", "options": [a, b + " twice", "  " + c + " "],
            "label": rng.randrange(3), "end": f"near the {rng.choice(nouns)}."}
docs = [english(i) for i in range(12)]
drawn = docs[:8] + [docs[2]] * 9 + docs[8:]
Path("repeated.jsonl").write_text("".join(json.dumps(d) + "\n" for d in drawn))
Path("english.jsonl").write_text("".join(json.dumps(d) + "\n" for d in docs))
Path("shots.json").write_text(json.dumps([english(i + 90) for i in range(3)], indent=1) + "\n")
words = ["春", "雨", "学校", "電車", "水", "山"]
rows = [{"topic": rng.choice(["天気", "町", "色, 形"]), "質問": f"{rng.choice(words)}は{rng.choice(words)}より「大きい」ですか？", "答え": rng.randrange(3)} for _ in range(10)]
with open("japanese.csv", "w", newline="") as f:
    w = csv.DictWriter(f, ["topic", "質問", "答え"], lineterminator="\n"); w.writeheader(); w.writerows(rows)

text = [d["question"] for d in docs] + [o for d in docs for o in d["options"]] + [r["質問"] for r in rows] + ["はい。いいえ。わかりません。回答："]
tok = Tokenizer(models.BPE())
tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tok.decoder = decoders.ByteLevel()
tok.train_from_iterator(text, trainers.BpeTrainer(vocab_size=330, special_tokens=["<s>", "</s>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
tok.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", tok.token_to_id("<s>"))])
fast = PreTrainedTokenizerFast(tokenizer_object=tok, bos_token="<s>", eos_token="</s>")
torch.manual_seed(1)
config = LlamaConfig(vocab_size=len(fast), hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1,
                     max_position_embeddings=96, initializer_range=0.5, bos_token_id=0, eos_token_id=1, tie_word_embeddings=True)
model = LlamaForCausalLM(config)
fast.save_pretrained(here / "model"); model.save_pretrained(here / "model")

Path("many.jsonl").write_text("".join(json.dumps({**docs[i % 12], "question": f"{i}?"}) + "\n" for i in range(40)))
names = ["english", "english_sentences", "english_last_word", "japanese", "english_drawn", "english_drawn_apart", "japanese_drawn"]
manager = lm_eval.tasks.TaskManager(include_path=str(here / "tasks"), include_defaults=False)
out = lm_eval.simple_evaluate(model="hf", model_args={"pretrained": str(here / "model"), "dtype": "float32", "device": "cpu", "max_length": 96},
                              tasks=names, task_manager=manager, batch_size=1, log_samples=True, bootstrap_iters=2)
scores = {}
for name in names:
    result, samples = out["results"][name], sorted(out["samples"][name], key=lambda s: s["doc_id"])
    metrics = {k.split(",")[0]: v for k, v in result.items() if k.endswith(",none")}
    scores[name] = {"metrics": {k: v for k, v in metrics.items() if v != "N/A" and k != "perplexity_stderr"},
                    "logLikelihoods": [[float(r[0][0]) for r in s["resps"]] for s in samples]}
Path(here / "scores.json").write_text(json.dumps({"lm_eval": lm_eval.__version__, "transformers": transformers.__version__, "torch": torch.__version__.split("+")[0], "tasks": scores}, indent=1) + "\n")
