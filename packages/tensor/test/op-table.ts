/** All ops: what the files of src/ops export that has a name and a shape rule. */
import type { Op } from '../src/op.ts'

declare global {
  interface ImportMeta {
    glob(pattern: string, options: { eager: true }): Record<string, Record<string, unknown>>
  }
}

const isOp = (x: unknown): x is Op<unknown> => typeof x === 'object' && x !== null && 'kind' in x && 'infer' in x

export const opTable: readonly Op<unknown>[] = Object.entries(import.meta.glob('../src/ops/**/*.ts', { eager: true }))
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .flatMap(([, exported]) => Object.values(exported).filter(isOp))
