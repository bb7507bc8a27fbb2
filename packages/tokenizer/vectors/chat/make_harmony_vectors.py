"""Conversations through openai-harmony: rendered as text with special tokens spelled, and parsed back.

Run in this folder: TIKTOKEN_ENCODINGS_BASE=DIR python make_harmony_vectors.py   (openai-harmony 0.0.8; DIR holds o200k_base.tiktoken)
Writes harmony.json.
"""
import json

from openai_harmony import (
    Author, Conversation, DeveloperContent, HarmonyEncodingName, Message, ReasoningEffort, RenderConversationConfig, Role,
    StreamableParser, SystemContent, ToolDescription, load_harmony_encoding,
)

encoding = load_harmony_encoding(HarmonyEncodingName.HARMONY_GPT_OSS)
say = Message.from_role_and_content


def tool(name, description, parameters=None):
    return ToolDescription.new(name, description, parameters=parameters)


WEATHER = tool("get_current_weather", "Gets the current weather in the provided location.", {
    "type": "object",
    "properties": {
        "location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"},
        "format": {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"},
    },
    "required": ["location"],
})
WIDE = tool("wide", "Two lines\nof text", {
    "type": "object",
    "description": "what it takes",
    "properties": {
        "n": {"type": "integer", "default": 3, "description": "how many"},
        "x": {"type": "number"},
        "b": {"type": "boolean", "default": True},
        "list": {"type": "array", "items": {"type": "string"}, "description": "words", "default": ["a"]},
        "lists": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
        "either": {"oneOf": [{"type": "string", "description": "a name", "default": "q"}, {"type": "number"}], "description": "one of them"},
        "any": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "kinds": {"type": ["string", "null"]},
        "nullable": {"type": "string", "nullable": True, "description": "or nothing"},
        "inner": {"type": "object", "description": "an object", "properties": {"k": {"type": "string", "title": "K", "description": "key"}, "m": {"type": "array", "items": {"type": "object", "properties": {"z": {"type": "number"}}, "required": ["z"]}}}, "required": ["k"]},
        "choices": {"type": "array", "items": {"type": "string", "enum": ["u", "v"]}},
        "numbers": {"enum": [1, 2]},
        "nothing": {},
        "examples": {"type": "string", "examples": ["e1", "e2"], "title": "Titled"},
        "lines": {"type": "string", "description": "first\nsecond"},
    },
    "required": ["n", "either"],
})
MORE = tool("more", "More.", {
    "type": "object",
    "properties": {
        "s": {"type": "string", "default": "x"},
        "bareArray": {"type": "array"},
        "bareObject": {"type": "object"},
        "emptyObject": {"type": "object", "properties": {}},
        "variants": {"oneOf": [{"type": "string", "description": "first"}, {"type": "number", "default": 2}, {"type": "object", "properties": {"a": {"type": "boolean"}}}]},
        "described": {"type": "string", "enum": ["a", "b"], "description": "one of two"},
        "nullableEnum": {"type": "string", "enum": ["a"], "nullable": True, "default": "a"},
        "items": {"type": "array", "items": {"type": "string", "description": "of each"}},
        "variantsDefault": {"oneOf": [{"type": "string"}, {"type": "integer"}], "default": 5},
        "nullableVariants": {"oneOf": [{"type": "string"}], "nullable": True},
        "deep": {"type": "object", "properties": {"a": {"type": "object", "description": "d", "properties": {"b": {"type": "string", "description": "e"}}}, "v": {"oneOf": [{"type": "string"}, {"type": "number"}]}}},
    },
})
EMPTY = tool("empty_object", "No fields.", {"type": "object", "properties": {}})
BARE = tool("bare", "Takes nothing.")
system = SystemContent.new().with_conversation_start_date("2026-04-03").with_reasoning_effort(ReasoningEffort.HIGH)
llm_jp = SystemContent.new().with_model_identity("You are LLM-jp.").with_knowledge_cutoff("2025-06").with_reasoning_effort(ReasoningEffort.LOW)
plain = SystemContent(model_identity=None, reasoning_effort=None, knowledge_cutoff=None, channel_config=None)
developer = DeveloperContent.new().with_instructions("Always answer in 日本語.")
functions = DeveloperContent.new().with_instructions("Use tools.").with_function_tools([BARE, WEATHER, WIDE, MORE, EMPTY])
only_tools = DeveloperContent.new().with_function_tools([BARE])
user = say(Role.USER, "What is 2 + 2? <|end|>")
think = say(Role.ASSISTANT, "Easy.").with_channel("analysis")
final = say(Role.ASSISTANT, "2 + 2 = 4 🪵").with_channel("final")
call = say(Role.ASSISTANT, '{"location":"Tokyo"}').with_channel("commentary").with_recipient("functions.get_current_weather").with_content_type("<|constrain|>json")
answer = Message.from_author_and_content(Author.new(Role.TOOL, "functions.get_current_weather"), '{"sunny":true}').with_recipient("assistant").with_channel("commentary")
preamble = say(Role.ASSISTANT, "I shall look.").with_channel("commentary")
CONVERSATIONS = {
    "system and user": [say(Role.SYSTEM, system), user],
    "another identity": [say(Role.SYSTEM, llm_jp), say(Role.DEVELOPER, developer), user],
    "an empty system": [say(Role.SYSTEM, plain), user],
    "a user alone": [user],
    "tools": [say(Role.SYSTEM, system), say(Role.DEVELOPER, functions), user, think, call, answer],
    "tools without instructions": [say(Role.SYSTEM, llm_jp), say(Role.DEVELOPER, only_tools), user],
    "answered": [say(Role.SYSTEM, system), say(Role.DEVELOPER, developer), user, think, final],
    "earlier thoughts": [say(Role.SYSTEM, system), user, think, final, say(Role.USER, "And 3?"), think, call, answer],
    "two answers": [user, think, final, say(Role.USER, "3?"), think, final],
    "two answers and a thought": [user, think, final, say(Role.USER, "3?"), think, final, say(Role.USER, "4?"), think],
    "a preamble and a call": [say(Role.SYSTEM, system), say(Role.DEVELOPER, only_tools), user, think, preamble, call, answer, think, final, say(Role.USER, "again")],
}
renders = []
for name, messages in CONVERSATIONS.items():
    conversation = Conversation.from_messages(messages)
    renders.append({
        "name": name,
        "messages": [m.to_dict() for m in messages],
        "conversation": encoding.decode(encoding.render_conversation(conversation)),
        "kept": encoding.decode(encoding.render_conversation(conversation, RenderConversationConfig(auto_drop_analysis=False))),
        "completion": encoding.decode(encoding.render_conversation_for_completion(conversation, Role.ASSISTANT)),
        "training": encoding.decode(encoding.render_conversation_for_training(conversation)),
    })
COMPLETIONS = [
    "<|channel|>analysis<|message|>User asks.<|end|><|start|>assistant<|channel|>final<|message|>4です🪵<|return|>",
    "<|channel|>final<|message|>Hello",
    "<|channel|>commentary to=functions.get_current_weather <|constrain|>json<|message|>{\"a\":1}<|call|>",
    " to=functions.get_current_weather<|channel|>commentary <|constrain|>json<|message|>{}<|call|>",
    " to=functions.f<|channel|>analysis code<|message|>x = 1<|call|>",
    "<|message|>no channel<|end|>",
    "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>commentary<|message|>b<|end|><|start|>assistant to=functions.x<|channel|>commentary<|constrain|>json<|message|>{}<|call|>",
    "<|channel|>analysis<|message|><|end|>",
]
FULL = ["<|start|>functions.f to=assistant<|channel|>commentary<|message|>{}<|end|><|start|>user<|message|>hi<|end|><|start|>user:bob<|message|>named<|end|>"]
BROKEN = ["<|channel|>final<|message|>a<|start|>", "text at once", "<|channel|>final<|channel|>final<|message|>a<|end|>", "<|message|>a<|message|>b<|end|>", "<|end|>", "<|channel|>final<|end|>", "<|channel|>a b c<|message|>d<|end|>", "<|channel|>final<|message|>a<|end|>loose<|start|>assistant<|message|>b<|end|>"]
parses = []
for text, role in [*[(t, Role.ASSISTANT) for t in COMPLETIONS + BROKEN], *[(t, None) for t in FULL]]:
    tokens = encoding.encode(text, allowed_special="all")
    row = {"text": text, "role": role.value if role else None}
    try:
        parser = StreamableParser(encoding, role=role)
        steps = []
        for token in tokens:
            parser.process(token)
            steps.append(parser.last_content_delta)
        row["deltas"] = [s for s in steps if s is not None]
        parser.process_eos()
        row["messages"] = [m.to_dict() for m in parser.messages]
    except Exception as error:  # noqa: BLE001
        row["error"] = str(error)
    parses.append(row)
with open("harmony.json", "w", encoding="utf-8") as file:
    json.dump({"made_with": "openai-harmony 0.0.8", "renders": renders, "parses": parses}, file, ensure_ascii=False)
    file.write("\n")
