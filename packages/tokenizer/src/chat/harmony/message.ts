/**
 * Messages of Harmony, the conversation format of gpt-oss and LLM-jp-4.
 * @see https://cookbook.openai.com/articles/openai-harmony
 */
import { TokenizerError } from '../../tokenizer-error.ts'
import type { ChatEncoder } from '../chat-encoder.ts'

export type HarmonyRole = 'system' | 'developer' | 'user' | 'assistant' | 'tool'
/** Channel of an assistant message: reasoning, tool calls and their preambles, or the final answer. */
export type HarmonyChannel = 'analysis' | 'commentary' | 'final' | (string & {})

/** A function that the model may call. */
export interface HarmonyTool {
  readonly name: string
  readonly description: string
  /** JSON schema of an object; undefined: the function has no parameters. */
  readonly parameters?: object
}

/** Structured content of a system message. */
export interface HarmonySystem {
  /** The model's identity, a sentence. */
  readonly identity?: string
  readonly knowledgeCutoff?: string
  /** ISO date. */
  readonly currentDate?: string
  readonly reasoningEffort?: 'low' | 'medium' | 'high'
  /** Valid channels. Default: analysis, commentary, final; an empty list omits the section. */
  readonly channels?: readonly string[]
}

/** Structured content of a developer message. */
export interface HarmonyDeveloper {
  readonly instructions?: string
  /** Tools, declared in the namespace `functions`. */
  readonly tools?: readonly HarmonyTool[]
}

export interface HarmonyMessage {
  readonly role: HarmonyRole
  /** Text, or structured content for system and developer messages. */
  readonly content: string | HarmonySystem | HarmonyDeveloper
  /** Name of the tool of a tool message, such as `functions.get_weather`. */
  readonly name?: string
  readonly channel?: HarmonyChannel
  /** Recipient: the tool that is called, or `assistant` for a tool's reply. */
  readonly recipient?: string
  /** Content type, such as `<|constrain|>json` for the arguments of a call. */
  readonly contentType?: string
}

export const harmonyRoles: readonly string[] = ['system', 'developer', 'user', 'assistant', 'tool']

/** The special tokens of the format. */
export const harmonyTokens = [
  '<|start|>',
  '<|end|>',
  '<|message|>',
  '<|channel|>',
  '<|constrain|>',
  '<|return|>',
  '<|call|>',
] as const

export type HarmonyToken = (typeof harmonyTokens)[number]

/** Ids of the special tokens. */
export type HarmonyTokenIds = Readonly<Record<HarmonyToken, number>>

/**
 * Harmony's special tokens under their names in LLM-jp-4's SentencePiece model (ver4.0 alpha); its `tokenizer.json` on
 * the Hub has Harmony's own names. Pass this to `harmonyTokenIds` for a tokenizer loaded from the `.model`.
 */
export const llmJp4Pieces: Readonly<Record<HarmonyToken, string>> = {
  '<|return|>': '</s>',
  '<|constrain|>': '<RESERVED_000>',
  '<|channel|>': '<RESERVED_001>',
  '<|start|>': '<RESERVED_002>',
  '<|end|>': '<RESERVED_003>',
  '<|message|>': '<RESERVED_004>',
  '<|call|>': '<RESERVED_005>',
}

/**
 * The ids of Harmony's special tokens in a tokenizer.
 * @param names names of the tokens in the tokenizer; default: Harmony's own
 * @throws TokenizerError where the tokenizer lacks some, which are named
 * @example Object.keys(harmonyTokenIds(encoder)).includes('<|start|>') // true
 */
export function harmonyTokenIds(
  encoder: ChatEncoder,
  names: Readonly<Record<HarmonyToken, string>> | undefined = undefined,
): HarmonyTokenIds {
  const found = harmonyTokens.map((token) => [token, encoder.specialId(names?.[token] ?? token)] as const)
  const missing = found.filter(([, id]) => id === undefined).map(([token]) => names?.[token] ?? token)
  if (missing.length > 0)
    throw new TokenizerError(
      `harmony: the tokenizer has no special token ${missing.join(', ')}; a tokenizer of a model trained on Harmony is needed, or other names`,
    )
  return Object.fromEntries(found) as HarmonyTokenIds
}
