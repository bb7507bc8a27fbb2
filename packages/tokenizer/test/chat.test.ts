import { describe, expect, test } from 'vitest'
import { loadChatTemplate, TokenizerError } from '../src/chat.ts'

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
