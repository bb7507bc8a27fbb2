/** An implementation under test, and the messages by which a run talks to the process it lives in. */

export const implementations = ['kumiki', 'transformers.js', 'onnxruntime-web', 'llama.cpp'] as const
export type Implementation = (typeof implementations)[number]

export interface ContestantSpec {
  readonly implementation: Implementation
  /** Where `files.ts` has put the model in every form. */
  readonly models: string
  /** A folder whose node_modules has the peers. */
  readonly peers?: string
  readonly threads: number
}

export interface Request {
  readonly prompt: readonly number[]
  readonly tokens: number
}

export interface Reply {
  readonly ids: readonly number[]
  /** Until the first token is known. */
  readonly prefillSeconds: number
  /** From the first token to the last. */
  readonly decodeSeconds: number
}

export interface Contestant {
  readonly version: string
  /** The likeliest tokens, in the order they are made. */
  generate(prompt: readonly number[], tokens: number): AsyncIterable<number>
}
