"""Conversations through Transformers' apply_chat_template.

Run in this folder: python make_template_vectors.py   (transformers 5.24.0, tokenizers 0.23.3, jinja2 3.1.6)
Reads templates.json, written by the test with KUMIKI_WRITE_TEMPLATES=1 (the built-in ones), writes chat.json and tokenizer.json.
"""
import json

from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

byte_level = sorted(pre_tokenizers.ByteLevel.alphabet())
SPECIAL = ["<s>", "</s>", "<unk>", "<|im_start|>", "<|im_end|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>",
           "<start_of_turn>", "<end_of_turn>"]
core = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(byte_level)}, merges=[]))
core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
core.decoder = decoders.ByteLevel()
core.add_special_tokens(SPECIAL)
core.save("tokenizer.json", pretty=False)
tokenizer = PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<s>", eos_token="</s>", unk_token="<unk>")

WHITESPACE = """
{%- if tools %}
    {{- 'tools: ' }}
    {%- for tool in tools %}
        {{- tool | tojson }}{{ ' ' }}
    {%- endfor %}
{%- endif %}
{%- for document in documents or [] %}
<{{ document.title }}> {{ document.text }}
{% endfor %}
{% for message in messages %}
    {% if message.role == 'assistant' %}
        {%- generation -%}
  {{ message.content }}
        {%- endgeneration %}{{ eos_token }}
    {% else %}
[{{ message.role }}] {{ message.content.strip() }}
    {% endif %}
{% endfor %}
{%- if add_generation_prompt %}{{ 'assistant:' }}{% endif %}
"""
GENERATION_LINES = """{% for message in messages %}
{% if message.role == 'assistant' %}
A:
  {% generation %}
{{ message.content }}
  {% endgeneration %}
.
{% else %}
U: {{ message.content }}
{% endif %}
{% endfor %}"""
with open("templates.json", encoding="utf-8") as file:
    templates = {**json.load(file), "whitespace": WHITESPACE, "generation-lines": GENERATION_LINES}

one = [{"role": "user", "content": "組木とは？"}]
answered = [*one, {"role": "assistant", "content": " Joinery that holds without nails. "}]
long = [*answered, {"role": "user", "content": "  And 釘?\n"}, {"role": "assistant", "content": "なし🪵"}]
system = [{"role": "system", "content": "Answer briefly."}, *long]
tools = [{"type": "function", "function": {"name": "f", "description": "<é>", "parameters": {"type": "object", "properties": {"a": {"type": "number"}}}}}]
documents = [{"title": "t1", "text": "x"}, {"title": "t2", "text": "y"}]
CASES = [
    ("one", one, {"add_generation_prompt": True}),
    ("long", long, {}),
    ("long, prompt", long[:3], {"add_generation_prompt": True}),
    ("system", system, {}),
    ("continued", answered, {"continue_final_message": True}),
    ("continued, as it ends", long, {"continue_final_message": True}),
    ("tools and documents", long, {"tools": tools, "documents": documents, "add_generation_prompt": True}),
]
rows = []
for name, template in templates.items():
    for case, messages, options in CASES:
        row = {"template": name, "case": case, "messages": messages, "options": options}
        try:
            row["text"] = tokenizer.apply_chat_template(messages, chat_template=template, tokenize=False, **options)
        except Exception as error:  # noqa: BLE001
            row["error"] = type(error).__name__
        else:
            if not options:
                made = tokenizer.apply_chat_template(messages, chat_template=template, return_dict=True, return_assistant_tokens_mask=True)
                row["ids"] = made["input_ids"]
                row["mask"] = "".join(map(str, made["assistant_masks"]))
        rows.append(row)
with open("chat.json", "w", encoding="utf-8") as file:
    json.dump({"made_with": "transformers 5.24.0", "templates": templates, "rows": rows}, file, ensure_ascii=False)
    file.write("\n")
