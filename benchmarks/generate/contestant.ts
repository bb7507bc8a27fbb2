/** An implementation under test, and the messages to and from its process. */

export const implementations = ['kumiki', 'transformers.js', 'onnxruntime-web', 'llama.cpp'] as const
export type Implementation = (typeof implementations)[number]

export interface ContestantSpec {
  readonly implementation: Implementation
  /** The folder into which `files.ts` wrote the model in every format. */
  readonly models: string
  /** A folder whose node_modules has the packages to compare with. */
  readonly peers?: string
  readonly threads: number
}

export interface Request {
  readonly prompt: readonly number[]
  readonly tokens: number
}

export interface Reply {
  readonly ids: readonly number[]
  /** From the request until the first token. */
  readonly prefillSeconds: number
  /** From the first token to the last. */
  readonly decodeSeconds: number
}

export interface Contestant {
  readonly version: string
  /** Greedy decoding: the most likely token at each position. */
  generate(prompt: readonly number[], tokens: number): AsyncIterable<number>
}
