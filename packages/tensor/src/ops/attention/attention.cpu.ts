// Attention on the CPU: calls of the tiled WebAssembly kernels.

import type { CpuRule } from '../../backends/cpu/rule.ts'
import { type AttentionAttrs, attentionSizes } from './geometry.ts'

/** Query rows per block: BLOCK of wasm/assembly/attention.ts, a multiple of 4. */
const block = 32

/** Scratch bytes per thread for a head of `s` keys and `d` elements; wasm/assembly/attention.ts has the layout. */
function scratchFor(s: number, d: number): number {
  const keys = Math.ceil(s / 8) * 8
  const width = Math.ceil(d / 8) * 8
  return (4 * keys * width + 2 * block * keys + 4 * block * width + 8 * Math.max(keys, width) + 64) * 4
}

/**
 * One task per (batch, key-value head): K and V are packed once, query blocks are multiplied with them one after the
 * other, masked keys are skipped. Heads are read as float32 (a narrower format is cast first). Document ids, if given,
 * are the last input.
 * @param inputs how many heads and statistics the kernel reads
 * @param outputs how many tensors it writes
 */
function rule(kernel: string, inputs: number, outputs: number): CpuRule<AttentionAttrs> {
  const range = (n: number) => [...Array(n).keys()]
  return {
    supports: (specs) => specs.slice(0, inputs).every((s) => s.dtype === 'float32'),
    plan: ({ inputs: operands, attrs: { scale, causal, window, softcap } }) => {
      const { batch, t, heads, d, s, kvHeads } = attentionSizes(operands[0], operands[1])
      return {
        calls: [
          {
            kernel,
            count: batch * kvHeads,
            grain: 1,
            args: [
              ...range(inputs).map((input) => ({ input })),
              ...range(outputs).map((output) => ({ output })),
              ...[t, s, heads, kvHeads, d, scale, causal ? 1 : 0, window ?? 0, softcap ?? 0],
              operands.length > inputs ? { input: inputs } : 0,
              'threadScratch',
            ],
          },
        ],
        threadScratchBytes: scratchFor(s, d),
      }
    },
  }
}

export const attentionCpu = rule('attentionForward', 3, 2)
export const attentionGradientCpu = rule('attentionBackward', 6, 3)
