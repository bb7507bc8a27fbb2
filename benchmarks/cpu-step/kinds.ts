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

/** The limit that a kind is compared with: throughput of arithmetic, or memory bandwidth. */
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
  /** Milliseconds by the kernel's name. */
  readonly kernels: Record<string, number>
}

const isProduct = (name: string) => /^(matmul|groupedMatmul|scaledMatmul)/.test(name)

/**
 * Sums a step's kernels by kind. Kernels after the last gradient belong to the optimizer, and so do the squares for the
 * gradient norm before it.
 * @param lookupBytes bytes that the embedding look-up reads and writes
 */
export function byKind(timings: readonly KernelTiming[], lookupBytes: number): Record<Kind, Work> {
  const lastGradient = timings.findLastIndex(({ name }) => isProduct(name) || /^(attention|scatterAddRows)/.test(name))
  const kindOf = (name: string, i: number): Kind => {
    if (isProduct(name)) return 'products'
    if (name.startsWith('attention')) return 'attention'
    if (/^(take|scatterAddRows)/.test(name)) return 'embeddings'
    if (i > lastGradient || /square/.test(name)) return 'optimizer'
    if (name.startsWith('crossEntropy')) return 'loss of the head'
    return 'rows and elementwise'
  }
  const works = Object.fromEntries(
    kinds.map((kind) => [kind, { milliseconds: 0, flops: 0, bytes: 0, kernels: {} }]),
  ) as unknown as Record<Kind, Work>
  timings.forEach(({ name, duration, flops, bytes }, i) => {
    const work = works[kindOf(name, i)]
    work.milliseconds += duration / 1000
    work.flops += flops
    // The profile's bytes of a look-up are those of the whole table, of which it reads only some rows.
    work.bytes += name === 'take' ? lookupBytes : bytes
    work.kernels[name] = (work.kernels[name] ?? 0) + duration / 1000
  })
  return works
}
