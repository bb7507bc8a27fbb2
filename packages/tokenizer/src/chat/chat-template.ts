/** Chat templates: rendering of conversations by the Jinja template of a model's configuration. */
import { Environment, Template } from '@huggingface/jinja'
import { checkOptions } from '../check-options.ts'
import { asList, asRecord, asText, type JsonRecord, parseJson } from '../huggingface/json-value.ts'
import { TokenizerError } from '../tokenizer-error.ts'
import { BoundedInterpreter, checkTemplateSize } from './bounded-interpreter.ts'
import { type BuiltInTemplateName, builtInTemplates } from './built-in-templates.ts'
import type { ChatEncoder } from './chat-encoder.ts'
import { hasGenerationBlocks, readMarks, type TextSpan, withMarks } from './generation-marks.ts'
import { strftime } from './strftime.ts'

/** A message of a conversation; templates may read other keys too. */
export type ChatMessage = { role: string; content: unknown; [key: string]: unknown }

export interface RenderOptions {
  /** Appends the beginning of an assistant message, for the model to answer. Default false. */
  readonly addGenerationPrompt?: boolean
  /** Ends the text within the last message, for the model to continue it. Default false. */
  readonly continueFinalMessage?: boolean
  /** Functions that the model may call: JSON schemas in OpenAI's format. */
  readonly tools?: readonly object[]
  /** Documents for retrieval-augmented generation: objects with `title` and `text`. */
  readonly documents?: readonly object[]
  /** The time for `strftime_now` in the template, in the runtime's time zone. Default: now. */
  readonly now?: Date
  /** Other variables of the template (`enable_thinking`, `reasoning_effort`, ...). */
  readonly variables?: Readonly<Record<string, unknown>>
}

export interface ApplyOptions extends RenderOptions {
  /** `chatEncoder(tokenizer, template.specialTokens)`. */
  readonly encoder: ChatEncoder
}

/** A rendered and encoded conversation. */
export interface AppliedChat {
  readonly text: string
  readonly ids: Int32Array
}

/** A rendered and encoded conversation with a mask for training. */
export interface TrainingChat extends AppliedChat {
  /** 1 for tokens that the assistant generates, including the end of its turn; 0 otherwise. */
  readonly assistantMask: Uint8Array
}

const RENDER_OPTIONS = 'addGenerationPrompt continueFinalMessage tools documents now variables encoder'.split(' ')

/** Keys of special tokens in tokenizer_config.json, which are variables of templates. */
const TOKENS = ['bos_token', 'eos_token', 'unk_token', 'pad_token', 'sep_token', 'cls_token', 'mask_token']

/**
 * Loads the chat template of a `tokenizer_config.json`.
 * @param config the file as bytes, text, or parsed object
 * @param options `name`: which template, where the file has several (default `'default'`); `template`: replaces the
 *   file's (newer repositories keep it in a `chat_template.jinja`)
 * @throws TokenizerError where the file has no such template, or its syntax is invalid
 * @example
 * const source = '{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}'
 * const template = loadChatTemplate({ chat_template: source })
 * template.render([{ role: 'user', content: 'Hello' }]) // 'user: Hello\n'
 */
export function loadChatTemplate(
  config: Uint8Array | string | JsonRecord,
  options: { name?: string; template?: string } = {},
): ChatTemplate {
  const file = asRecord(
    typeof config === 'string' || config instanceof Uint8Array ? parseJson(config) : config,
    'tokenizer_config.json',
  )
  return new ChatTemplate(
    options.template ?? chooseTemplate(file.chat_template, options.name ?? 'default'),
    configuredTokens(file),
  )
}

/** The special tokens of a parsed tokenizer_config.json, as variables of templates. */
export function configuredTokens(config: JsonRecord): Record<string, string> {
  const tokens: Record<string, string> = {}
  for (const key of TOKENS) {
    const value = config[key]
    if (value === undefined || value === null) continue
    tokens[key] = typeof value === 'string' ? value : asText(asRecord(value, key).content, `${key}.content`)
  }
  return tokens
}

function chooseTemplate(value: unknown, name: string): string {
  if (typeof value === 'string') return value
  if (value === undefined || value === null) {
    throw new TokenizerError('chat template: the configuration has no chat_template; give one as the option `template`')
  }
  const named = asList(value, 'chat_template').map((entry, k) => {
    const record = asRecord(entry, `chat_template[${k}]`)
    return { name: asText(record.name, 'name'), template: asText(record.template, 'template') }
  })
  const found = named.find((entry) => entry.name === name)
  if (found) return found.template
  const names = named.map((entry) => entry.name).join(', ')
  throw new TokenizerError(`chat template: there is none named ${JSON.stringify(name)}; there are ${names}`)
}

/** A chat template. */
export class ChatTemplate {
  /** Jinja source. */
  readonly source: string
  /** Special tokens by variable, such as `bos_token`. */
  readonly tokens: Readonly<Record<string, string>>
  private readonly template: Template
  /** The template with marks around its generation blocks; undefined where it has none. */
  private readonly marked: Template | undefined
  private readonly mark = `\uE0C4${Math.random().toString(36).slice(2)}`

  /** @throws TokenizerError where `source` is not a valid Jinja template, or exceeds the size limit */
  constructor(source: string, tokens: Readonly<Record<string, string>> = {}) {
    this.source = source
    this.tokens = tokens
    this.template = parsed(source)
    if (hasGenerationBlocks(source)) this.marked = parsed(withMarks(source, this.mark))
  }

  /** Whether the template marks the assistant's text with `{% generation %}`. */
  get hasGenerationBlocks(): boolean {
    return this.marked !== undefined
  }

  /** Special tokens of the configuration, to be passed to `chatEncoder`. */
  get specialTokens(): string[] {
    return Object.values(this.tokens)
  }

  /**
   * Renders a conversation to text. The text contains special tokens: encode it by `encodeSpelled`, without adding
   * others.
   * @throws TokenizerError where the template raises an exception (whose message is in the error), or exceeds the
   * limits
   */
  render(messages: readonly ChatMessage[], options: RenderOptions = {}): string {
    const { continueFinalMessage = false, addGenerationPrompt = false } = options
    checkOptions('chat template', options, RENDER_OPTIONS)
    if (!continueFinalMessage) return this.renderTemplate(this.template, messages, options)
    if (addGenerationPrompt)
      throw new TokenizerError(
        'chat template: continueFinalMessage and addGenerationPrompt exclude each other: the first continues a message, the second begins one',
      )
    const last = messages.at(-1)
    const content = last?.content
    if (last === undefined || typeof content !== 'string')
      throw new TokenizerError('chat template: continueFinalMessage needs a last message whose content is text')
    const end = `${this.mark} `
    const text = this.renderTemplate(
      this.template,
      [...messages.slice(0, -1), { ...last, content: content + end }],
      options,
    )
    const at = text.lastIndexOf(this.mark)
    if (at < 0)
      throw new TokenizerError('chat template: the last message cannot be continued: the template omits its content')
    // If the space after the mark is gone, the template trims messages, so the end of this one is trimmed too.
    return text.startsWith(end, at) ? text.slice(0, at) : text.slice(0, at).trimEnd()
  }

  /**
   * Renders and encodes a conversation, like Transformers' `apply_chat_template`.
   * @example
   * const template = builtInTemplate('chatml')
   * const encoder = chatEncoder(loadTokenizer(model))
   * const { ids } = template.apply([{ role: 'user', content: '木' }], { encoder, addGenerationPrompt: true })
   * ids.length > 3 // true
   */
  apply(messages: readonly ChatMessage[], options: ApplyOptions): AppliedChat {
    const text = this.render(messages, options)
    return { text, ids: options.encoder.encodeSpelled(text).ids }
  }

  /**
   * Renders and encodes a conversation with a mask of the assistant's tokens. They are found by the template's
   * generation blocks, or else by rendering the messages before each answer, which must give a prefix of the whole
   * text. Answers with `weight: 0` are excluded from the mask.
   * @throws TokenizerError where the template renders earlier messages differently when later ones follow; names the
   * message
   */
  applyForTraining(messages: readonly ChatMessage[], options: Omit<ApplyOptions, 'addGenerationPrompt'>): TrainingChat {
    const { text, spans } = this.assistantSpans(messages, options)
    const { ids, offsets } = options.encoder.encodeSpelled(text)
    const assistantMask = new Uint8Array(ids.length)
    let token = 0
    for (const [start, end] of spans)
      for (; token < ids.length && offsets[token][0] < end; token++) {
        const [from, to] = offsets[token]
        // All byte tokens of a character but the last have empty ranges.
        if (to > start || (from === to && from >= start)) assistantMask[token] = 1
      }
    return { text, ids, assistantMask }
  }

  /** Renders a conversation, with the ranges of the text that the assistant generates. */
  assistantSpans(
    messages: readonly ChatMessage[],
    options: Omit<RenderOptions, 'addGenerationPrompt'> = {},
  ): { readonly text: string; readonly spans: readonly TextSpan[] } {
    checkOptions('chat template', options, RENDER_OPTIONS)
    const answers = messages.flatMap(({ role }, i) => (role === 'assistant' ? [i] : []))
    const counts = (i: number) => messages[i].weight !== 0
    if (!this.marked) {
      const text = this.render(messages, options)
      return { text, spans: answers.filter(counts).map((i) => this.spanByPrefixes(messages, i, text, options)) }
    }
    const marked = this.renderTemplate(this.marked, messages, { ...options, addGenerationPrompt: false })
    const { text, spans } = refused(() => readMarks(marked, this.mark))
    if (answers.every(counts)) return { text, spans }
    if (spans.length !== answers.length)
      throw new TokenizerError(
        `chat template: some answers have weight 0, but the template has ${spans.length} generation blocks for ${answers.length} answers, so they cannot be matched; remove the weights`,
      )
    return { text, spans: spans.filter((_, i) => counts(answers[i])) }
  }

  private spanByPrefixes(messages: readonly ChatMessage[], i: number, text: string, options: RenderOptions): TextSpan {
    const before = this.render(messages.slice(0, i), { ...options, addGenerationPrompt: true })
    const after = this.render(messages.slice(0, i + 1), options)
    if (text.startsWith(after) && after.startsWith(before)) return [before.length, after.length]
    const [part, whole] = text.startsWith(after) ? [before, after] : [after, text]
    let same = 0
    while (same < part.length && part[same] === whole[same]) same++
    throw new TokenizerError(
      `chat template: the text of assistant message ${i} cannot be located: the template renders the conversation up to it differently from the whole conversation (from character ${same}: ${JSON.stringify(part.slice(same, same + 30))} and ${JSON.stringify(whole.slice(same, same + 30))}); mark it in the template with {% generation %} and {% endgeneration %}`,
    )
  }

  private renderTemplate(template: Template, messages: readonly ChatMessage[], options: RenderOptions): string {
    const { addGenerationPrompt = false, tools, documents, now = new Date(), variables } = options
    checkMessages(messages)
    return refused(() => {
      const environment = new Environment(globals(now))
      const all = {
        ...this.tokens,
        messages,
        tools: tools ?? null,
        documents: documents ?? null,
        add_generation_prompt: addGenerationPrompt,
        ...variables,
      }
      for (const [name, value] of Object.entries(all)) environment.set(name, value)
      return String(new BoundedInterpreter(environment).run(template.parsed).value)
    })
  }
}

/**
 * A built-in template by name, see `builtInTemplates`.
 * @param tokens special tokens by variable, such as `{ bos_token: '<s>', eos_token: '</s>' }`
 * @throws TokenizerError where there is no template of that name
 * @example
 * const template = builtInTemplate('chatml')
 * template.render([{ role: 'user', content: '組木とは？' }], { addGenerationPrompt: true })
 */
export function builtInTemplate(name: string, tokens: Readonly<Record<string, string>> = {}): ChatTemplate {
  if (!Object.hasOwn(builtInTemplates, name))
    throw new TokenizerError(
      `chat template: there is none named ${JSON.stringify(name)}; there are ${Object.keys(builtInTemplates).join(', ')}`,
    )
  return new ChatTemplate(builtInTemplates[name as BuiltInTemplateName].template, tokens)
}

function parsed(source: string): Template {
  return refused(() => {
    checkTemplateSize(source)
    return new Template(source)
  })
}

function checkMessages(messages: readonly ChatMessage[]): void {
  if (!Array.isArray(messages)) throw new TokenizerError('chat template: messages must be a list')
  messages.forEach((message, i) => {
    if (typeof message !== 'object' || message === null || typeof message.role !== 'string')
      throw new TokenizerError(`chat template: message ${i} must be an object with a role, such as "user"`)
  })
}

/** Rethrows errors of a template or of the library as TokenizerError. */
function refused<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof TokenizerError) throw error
    throw new TokenizerError(`chat template: ${messageOf(error)}`)
  }
}

/** The global variables and functions of templates. */
function globals(now: Date): Environment {
  const environment = new Environment()
  for (const [name, value] of Object.entries({ true: true, false: false, none: null })) {
    environment.set(name, value)
    environment.set(name[0].toUpperCase() + name.slice(1), value)
  }
  environment.set('raise_exception', (message: string) => {
    throw new Error(message)
  })
  environment.set('range', (first: number, second?: number, step = 1) => {
    if (!Number.isInteger(step) || step === 0) throw new Error(`range: step is ${step}; a non-zero integer is needed`)
    const [from, to] = second === undefined ? [0, first] : [first, second]
    const count = Math.max(0, Math.ceil((to - from) / step))
    if (count > 1e6) throw new Error(`range: ${count} numbers; at most 1000000 are allowed`)
    return Array.from({ length: count }, (_, k) => from + k * step)
  })
  environment.set('strftime_now', (format: string) => strftime(now, format))
  return environment
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 500)
}
