/** Kinds of work in a training step, by the names of its kernels. */
import type { KernelTiming } from '@kumiki/tensor'

export const kinds = [
  'products',
  'attention',
  'rows and elementwise',
  'loss of the head',
  'embeddings',
  'optimizer',
] as const
export type Kind = (typeof kinds)[number]

/** What a kind is held against: arithmetic, or bytes. */
export const boundBy: Readonly<Record<Kind, 'gflops' | 'gigabytes'>> = {
  products: 'gflops',
  attention: 'gflops',
  'rows and elementwise': 'gigabytes',
  'loss of the head': 'gigabytes',
  embeddings: 'gigabytes',
  optimizer: 'gigabytes',
}

export interface Work {
  milliseconds: number
  flops: number
  bytes: number
  /** Milliseconds of each name of a kernel. */
  readonly kernels: Record<string, number>
}

const isProduct = (name: string) => /^(matmul|groupedMatmul|scaledMatmul)/.test(name)

/** Sums up a step's kernels by kind. What runs after the last gradient belongs to the optimizer, and so do the squares of the norm before. */
export function byKind(timings: readonly KernelTiming[], lookupBytes: number): Record<Kind, Work> {
  const lastGradient = timings.findLastIndex(({ name }) => isProduct(name) || /^(attention|scatterAddRows)/.test(name))
  const kindOf = (name: string, i: number): Kind => {
    if (isProduct(name)) return 'products'
    if (name.startsWith('attention')) return 'attention'
    if (/^(take|scatterAddRows)/.test(name)) return 'embeddings'
    if (i > lastGradient || /square/.test(name)) return 'optimizer'
    // Exponentials of logits and their gradient; a chunk's log-sum-exp joins those before it.
    if (/^(logSumExp|crossEntropy|sub\+exp|maximum\+abs)/.test(name)) return 'loss of the head'
    return 'rows and elementwise'
  }
  const works = Object.fromEntries(
    kinds.map((kind) => [kind, { milliseconds: 0, flops: 0, bytes: 0, kernels: {} }]),
  ) as unknown as Record<Kind, Work>
  timings.forEach(({ name, duration, flops, bytes }, i) => {
    const work = works[kindOf(name, i)]
    work.milliseconds += duration / 1000
    work.flops += flops
    // A look-up is planned over its whole table and reads a few rows.
    work.bytes += name === 'take' ? lookupBytes : bytes
    work.kernels[name] = (work.kernels[name] ?? 0) + duration / 1000
  })
  return works
}
