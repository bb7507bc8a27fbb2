/**
 * Messages of Harmony, the conversation format of gpt-oss and LLM-jp-4.
 * @see https://cookbook.openai.com/articles/openai-harmony
 */
import { TokenizerError } from '../../tokenizer-error.ts'
import type { ChatEncoder } from '../chat-encoder.ts'

export type HarmonyRole = 'system' | 'developer' | 'user' | 'assistant' | 'tool'
/** What an assistant's text is for: its thoughts, calls and what it says before them, or the answer. */
export type HarmonyChannel = 'analysis' | 'commentary' | 'final' | (string & {})

/** A function that the model may call. */
export interface HarmonyTool {
  readonly name: string
  readonly description: string
  /** JSON schema of an object; none: the function takes nothing. */
  readonly parameters?: object
}

/** What a system message says, besides a text of one's own. */
export interface HarmonySystem {
  /** Who the model is. */
  readonly identity?: string
  readonly knowledgeCutoff?: string
  /** ISO date. */
  readonly currentDate?: string
  readonly reasoningEffort?: 'low' | 'medium' | 'high'
  /** Channels of which every message must have one. Default: analysis, commentary, final; an empty list says nothing of them. */
  readonly channels?: readonly string[]
}

/** What a developer message says, besides a text of one's own. */
export interface HarmonyDeveloper {
  readonly instructions?: string
  /** In the namespace `functions`. */
  readonly tools?: readonly HarmonyTool[]
}

export interface HarmonyMessage {
  readonly role: HarmonyRole
  /** Text; of a system or developer message, what it says by fields. */
  readonly content: string | HarmonySystem | HarmonyDeveloper
  /** Of a tool: its name, such as `functions.get_weather`. */
  readonly name?: string
  readonly channel?: HarmonyChannel
  /** Whom it is for: a tool that is called, or the assistant that a tool answers. */
  readonly recipient?: string
  /** Such as `<|constrain|>json` of a call's arguments. */
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
 * What LLM-jp-4's SentencePiece model (ver4.0 alpha) calls the tokens that its `tokenizer.json` on the Hub has under Harmony's names.
 * Give it to `harmonyTokenIds` where only the `.model` is there.
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
 * @param names what the tokenizer calls them; default: by their own names
 * @throws TokenizerError naming those that it does not have
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
      `harmony: the tokenizer has no special token ${missing.join(', ')}, so the model was not made for this format`,
    )
  return Object.fromEntries(found) as HarmonyTokenIds
}
