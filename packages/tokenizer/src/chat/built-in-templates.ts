/**
 * Built-in chat templates, for tokenizers without one. Each has generation blocks, which mark the assistant's tokens.
 */

export interface BuiltInTemplate {
  /** Jinja source. */
  readonly template: string
  /** Special tokens that the template writes, besides those that the tokenizer's configuration names. */
  readonly specialTokens: readonly string[]
}

/**
 * `llm-jp-3`: LLM-jp-3's instruct models (and LLM-jp 2.0's): `\n\n### 指示:\n` before the user's message, `\n\n### 応答:\n`
 * before the answer, eos after it. As in LLM-jp's own tokenizers, a system message is replaced by a fixed sentence;
 * `llm-jp-3-system` writes its content.
 *
 * `chatml`, `llama-3` (without tools) and `gemma` (1 and 2, which have no system message) follow their publishers.
 * Tested against Transformers' `apply_chat_template` (vectors/chat).
 */
export const builtInTemplates = {
  'llm-jp-3': {
    template: instruct("'以下は、タスクを説明する指示です。要求を適切に満たす応答を書きなさい。'"),
    specialTokens: [],
  },
  'llm-jp-3-system': { template: instruct('message.content'), specialTokens: [] },
  chatml: {
    template: `{% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' }}{% if message.role == 'assistant' %}{% generation %}{{ message.content + '<|im_end|>' }}{% endgeneration %}{{ '\\n' }}{% else %}{{ message.content + '<|im_end|>\\n' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}`,
    specialTokens: ['<|im_start|>', '<|im_end|>'],
  },
  'llama-3': {
    template: `{% for message in messages %}{% if loop.first %}{{ bos_token }}{% endif %}{{ '<|start_header_id|>' + message.role + '<|end_header_id|>\\n\\n' }}{% if message.role == 'assistant' %}{% generation %}{{ message.content | trim + '<|eot_id|>' }}{% endgeneration %}{% else %}{{ message.content | trim + '<|eot_id|>' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}`,
    specialTokens: ['<|start_header_id|>', '<|end_header_id|>', '<|eot_id|>'],
  },
  gemma: {
    template: `{{ bos_token }}{% for message in messages %}{% if message.role != ('user' if loop.index0 % 2 == 0 else 'assistant') %}{{ raise_exception('user and assistant must take turns, the user first; there is no system message') }}{% endif %}{% if message.role == 'assistant' %}{{ '<start_of_turn>model\\n' }}{% generation %}{{ message.content | trim + '<end_of_turn>' }}{% endgeneration %}{{ '\\n' }}{% else %}{{ '<start_of_turn>user\\n' + message.content | trim + '<end_of_turn>\\n' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}`,
    specialTokens: ['<start_of_turn>', '<end_of_turn>'],
  },
} as const satisfies Record<string, BuiltInTemplate>

export type BuiltInTemplateName = keyof typeof builtInTemplates

function instruct(system: string): string {
  return `{{ bos_token }}{% for message in messages %}{% if message.role == 'user' %}{{ '\\n\\n### 指示:\\n' + message.content }}{% elif message.role == 'system' %}{{ ${system} }}{% elif message.role == 'assistant' %}{{ '\\n\\n### 応答:\\n' }}{% generation %}{{ message.content + eos_token }}{% endgeneration %}{% else %}{{ raise_exception('the role ' + message.role + ' is not known; system, user and assistant are') }}{% endif %}{% if loop.last and add_generation_prompt %}{{ '\\n\\n### 応答:\\n' }}{% endif %}{% endfor %}`
}
