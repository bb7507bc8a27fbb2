/** Chat templates: the Jinja template of a model's configuration, rendered for a conversation. */
import { Environment, Interpreter, Template } from '@huggingface/jinja'
import { checkOptions } from '../check-options.ts'
import { asList, asRecord, asText, type JsonRecord, parseJson } from '../huggingface/json-value.ts'
import { TokenizerError } from '../tokenizer-error.ts'
import { strftime } from './strftime.ts'

/** One turn of a conversation; templates may read other keys too. */
export type ChatMessage = { role: string; content: unknown; [key: string]: unknown }

export type RenderOptions = {
  /** Whether the text ends where the model is to go on. Default false. */
  addGenerationPrompt?: boolean
  /** The time that `strftime_now` of the template tells, in the runtime's time zone. Default: now. */
  now?: Date
  /** Other variables of the template (`tools`, `documents`, ...). */
  variables?: Readonly<Record<string, unknown>>
}

/** The special tokens that templates name. */
const TOKENS = ['bos_token', 'eos_token', 'unk_token', 'pad_token', 'sep_token', 'cls_token', 'mask_token']

/**
 * Loads the chat template of a `tokenizer_config.json`.
 * @param config the file: bytes, text, or the object read from it
 * @param options `name`: which one, where the file has several (default `'default'`); `template`: one that stands in its place
 * (newer repositories keep it in a `chat_template.jinja`)
 * @throws TokenizerError where there is none, or it is not a template
 */
export function loadChatTemplate(
  config: Uint8Array | string | JsonRecord,
  options: { name?: string; template?: string } = {},
): ChatTemplate {
  const file = asRecord(
    typeof config === 'string' || config instanceof Uint8Array ? parseJson(config) : config,
    'tokenizer_config.json',
  )
  const tokens: Record<string, string> = {}
  for (const key of TOKENS) {
    const value = file[key]
    if (value === undefined || value === null) continue
    tokens[key] = typeof value === 'string' ? value : asText(asRecord(value, key).content, `${key}.content`)
  }
  return new ChatTemplate(options.template ?? chooseTemplate(file.chat_template, options.name ?? 'default'), tokens)
}

function chooseTemplate(value: unknown, name: string): string {
  if (typeof value === 'string') return value
  if (value === undefined || value === null) {
    throw new TokenizerError('chat template: the configuration has no chat_template; give one as `template`')
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

/** A conversation to text, as the model was trained to see it. */
export class ChatTemplate {
  readonly #template: Template
  readonly #tokens: Readonly<Record<string, string>>

  /** @throws TokenizerError where `source` is not a Jinja template */
  constructor(source: string, tokens: Readonly<Record<string, string>> = {}) {
    try {
      this.#template = new Template(source)
    } catch (error) {
      throw new TokenizerError(`chat template: ${messageOf(error)}`)
    }
    this.#tokens = tokens
  }

  /**
   * The text of a conversation. It spells special tokens: encode it with those allowed, and add no others.
   * @throws TokenizerError where the template refuses the messages (its own words are in the error)
   */
  render(messages: readonly ChatMessage[], options: RenderOptions = {}): string {
    checkOptions('chat template', options, ['addGenerationPrompt', 'now', 'variables'])
    try {
      const environment = new Environment(globals(options.now ?? new Date()))
      const variables = {
        ...this.#tokens,
        messages,
        add_generation_prompt: options.addGenerationPrompt ?? false,
        ...options.variables,
      }
      for (const [name, value] of Object.entries(variables)) environment.set(name, value)
      return String(new Interpreter(environment).run(this.#template.parsed).value)
    } catch (error) {
      throw new TokenizerError(`chat template: ${messageOf(error)}`)
    }
  }
}

/** What every template can name. */
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
    if (!Number.isInteger(step) || step === 0) throw new Error(`range: the step is ${step}`)
    const [from, to] = second === undefined ? [0, first] : [first, second]
    const count = Math.max(0, Math.ceil((to - from) / step))
    if (count > 1e6) throw new Error(`range: ${count} numbers`)
    return Array.from({ length: count }, (_, k) => from + k * step)
  })
  environment.set('strftime_now', (format: string) => strftime(now, format))
  return environment
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 500)
}
