/** Chat templates against Transformers, and masks of the assistant's answers. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  builtInTemplate,
  builtInTemplates,
  ChatTemplate,
  chatEncoder,
  loadChatTemplate,
  TokenizerError,
} from '../src/chat.ts'
import { loadHuggingFaceTokenizer } from '../src/huggingface.ts'
import { loadTokenizer } from '../src/index.ts'

// In the form of LLM-jp's instruct models.
const INSTRUCT =
  "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}{{ '\\n\\n### 指示:\\n' + message['content'] }}" +
  "{% elif message['role'] == 'system' %}{{ '以下は、タスクを説明する指示です。要求を適切に満たす応答を書きなさい。' }}" +
  "{% elif message['role'] == 'assistant' %}{{ '\\n\\n### 応答:\\n' + message['content'] + eos_token }}" +
  "{% else %}{{ raise_exception('unknown role: ' + message['role']) }}{% endif %}" +
  "{% if loop.last and add_generation_prompt %}{{ '\\n\\n### 応答:\\n' }}{% endif %}{% endfor %}"
const config = { bos_token: '<s>', eos_token: { content: '</s>', special: true }, chat_template: INSTRUCT }

describe('chat templates', () => {
  test('a conversation', () => {
    const template = loadChatTemplate(JSON.stringify(config))
    expect(
      template.render(
        [
          { role: 'system', content: '' },
          { role: 'user', content: '組木とは？' },
          { role: 'assistant', content: '木を組む技です。' },
          { role: 'user', content: '釘は？' },
        ],
        { addGenerationPrompt: true },
      ),
    ).toBe(
      '<s>以下は、タスクを説明する指示です。要求を適切に満たす応答を書きなさい。\n\n### 指示:\n組木とは？\n\n### 応答:\n木を組む技です。</s>' +
        '\n\n### 指示:\n釘は？\n\n### 応答:\n',
    )
    expect(template.render([{ role: 'user', content: 'a' }])).toBe('<s>\n\n### 指示:\na')
  })

  test('one of several, variables, and a template apart', () => {
    const several = {
      chat_template: [
        { name: 'default', template: 'd' },
        { name: 'tools', template: '{{ tools | length }}' },
      ],
    }
    expect(loadChatTemplate(several).render([])).toBe('d')
    expect(loadChatTemplate(several, { name: 'tools' }).render([], { variables: { tools: [1, 2] } })).toBe('2')
    expect(loadChatTemplate({}, { template: 'x{{ messages | length }}' }).render([])).toBe('x0')
  })

  test('what is wrong is said', () => {
    expect(() => loadChatTemplate({})).toThrow(/no chat_template/)
    expect(() => loadChatTemplate({ chat_template: [] }, { name: 'x' })).toThrow(/none named "x"/)
    expect(() => loadChatTemplate({ chat_template: '{% if %}' })).toThrow(TokenizerError)
    expect(() => loadChatTemplate(config).render([{ role: 'robot', content: '' }])).toThrow(/unknown role: robot/)
  })

  test('the time is told in English, and can be fixed', () => {
    const template = loadChatTemplate(
      {},
      { template: "{{ strftime_now('%d %b %Y, %A %H:%M %p %j %Q %%') }}{{ range(1, 7, 2) | join(',') }}" },
    )
    const now = new Date(2024, 6, 26, 15, 4)
    expect(template.render([], { now })).toBe('26 Jul 2024, Friday 15:04 PM 208 %Q %1,3,5')
    expect(template.render([], { variables: { strftime_now: () => 'then' } })).toBe('then1,3,5')
    expect(() => template.render([], { addGenerationPromt: true } as object)).toThrow(/nearest is addGenerationPrompt/)
  })
})

interface Row {
  template: string
  case: string
  messages: { role: string; content: string }[]
  options: {
    add_generation_prompt?: boolean
    continue_final_message?: boolean
    tools?: object[]
    documents?: object[]
  }
  text?: string
  error?: string
  ids?: number[]
  mask?: string
}
const read = (name: string) => readFileSync(new URL(`../vectors/chat/${name}`, import.meta.url), 'utf8')

describe("Transformers' apply_chat_template", () => {
  const { templates, rows }: { templates: Record<string, string>; rows: Row[] } = JSON.parse(read('chat.json'))
  const tokens = { bos_token: '<s>', eos_token: '</s>', unk_token: '<unk>' }
  const encoder = chatEncoder(loadHuggingFaceTokenizer(read('tokenizer.json')))

  test('the built-in templates are those of the vectors', () => {
    for (const [name, { template }] of Object.entries(builtInTemplates)) expect(templates[name], name).toBe(template)
  })

  test.each(rows.map((row) => [`${row.template}: ${row.case}`, row] as const))('%s', (_, row) => {
    const template = new ChatTemplate(templates[row.template], tokens)
    const {
      add_generation_prompt: addGenerationPrompt,
      continue_final_message: continueFinalMessage,
      ...rest
    } = row.options
    const options = { ...rest, addGenerationPrompt, continueFinalMessage }
    if (row.error) {
      expect(() => template.render(row.messages, options)).toThrow(TokenizerError)
      return
    }
    expect(template.render(row.messages, options)).toBe(row.text)
    if (!row.ids) return
    const made = template.applyForTraining(row.messages, { encoder })
    expect(made.text).toBe(row.text)
    expect([...made.ids]).toEqual(row.ids)
    expect(made.assistantMask.join('')).toBe(row.mask)
  })
})

describe('what the assistant says', () => {
  const tokens = { bos_token: '<s>', eos_token: '</s>' }
  const spm = loadTokenizer(readFileSync(new URL('../vectors/kumiki-unigram.model', import.meta.url)))
  const chat = [
    { role: 'user', content: 'what' },
    { role: 'assistant', content: 'this </s> here' },
    { role: 'user', content: 'and' },
    { role: 'assistant', content: 'that' },
  ]

  test('a template without generation blocks: by what comes before', () => {
    const template = new ChatTemplate(
      "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}Q: {{ m.content }} {% else %}A: {{ m.content }}{{ eos_token }}{% endif %}{% endfor %}{% if add_generation_prompt %}A: {% endif %}",
      tokens,
    )
    const { text, spans } = template.assistantSpans(chat)
    expect(spans.map(([a, b]) => text.slice(a, b))).toEqual(['this </s> here</s>', 'that</s>'])
    const weighted = template.assistantSpans(chat.map((m, i) => (i === 1 ? { ...m, weight: 0 } : m)))
    expect(weighted.spans.map(([a, b]) => text.slice(a, b))).toEqual(['that</s>'])
    const encoder = chatEncoder(spm, template.specialTokens)
    const { ids, assistantMask } = template.applyForTraining(chat, { encoder })
    expect(ids[0]).toBe(spm.bosId)
    expect(ids[ids.length - 1]).toBe(spm.eosId)
    expect(assistantMask[assistantMask.length - 1]).toBe(1)
    expect(assistantMask[0]).toBe(0)
    expect(spm.decode(ids.filter((_, i) => assistantMask[i] === 1))).toBe('this   here that')
  })

  test('weights with generation blocks', () => {
    const template = builtInTemplate('llm-jp-3', tokens)
    const { text, spans } = template.assistantSpans([chat[0], { ...chat[1], weight: 0 }, chat[2], chat[3]])
    expect(spans.map(([a, b]) => text.slice(a, b))).toEqual(['that</s>'])
  })

  test('a template that rewrites earlier messages is refused by message', () => {
    const template = new ChatTemplate(
      "{% for m in messages %}[{{ m.content if loop.last or m.role == 'user' else 'short' }}]{% endfor %}{% if add_generation_prompt %}[{% endif %}",
    )
    expect(() => template.assistantSpans(chat)).toThrow(/message 1 cannot be located.*character 7.*"this/)
    expect(template.assistantSpans(chat.slice(0, 2)).spans).toHaveLength(1)
  })
})

describe('hostile templates', () => {
  const render = (template: string) => new ChatTemplate(template).render([{ role: 'user', content: 'x' }])
  const loops = '{% for i in range(1000) %}'.repeat(4) + '{% endfor %}'.repeat(4)
  test.each([
    ['loops in loops', loops, /more than 1000000 steps/],
    [
      'a text that doubles',
      `{% set n = namespace(x='xx') %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}`,
      /string of more than/,
    ],
    ['a macro that calls itself', '{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}', /nested more than 500 deep/],
    ['a list without end', '{{ range(100000000) }}', /range: 100000000 numbers/],
    ['brackets', `{{ ${'('.repeat(100_000)}1 }}`, /chat template/],
    ['white space', `{{ 1 }}${' '.repeat(200_000)}`, /white space in a row, from character 7/],
    ['size', 'x'.repeat(2 ** 20 + 1), /1048577 characters/],
    ['half a block', '{% generation %}x', /not in pairs/],
  ])('%s', (_, template, message) => {
    const run = () => (/generation/.test(template) ? new ChatTemplate(template).assistantSpans([]) : render(template))
    let error: unknown
    try {
      run()
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(TokenizerError)
    expect((error as Error).message).toMatch(message)
  })

  test('messages and options', () => {
    const template = builtInTemplate('chatml')
    expect(() => template.render([{ content: 'x' } as never])).toThrow(/message 0 must be an object with a role/)
    expect(() => template.render([], { continueFinalMessage: true })).toThrow(/needs a last message/)
    expect(() =>
      template.render([{ role: 'user', content: '' }], { continueFinalMessage: true, addGenerationPrompt: true }),
    ).toThrow(/exclude each other/)
    expect(() => builtInTemplate('vicuna')).toThrow(/there are llm-jp-3, .*gemma/)
    expect(() =>
      new ChatTemplate('fixed').render([{ role: 'user', content: 'x' }], { continueFinalMessage: true }),
    ).toThrow(/omits its content/)
  })
})
