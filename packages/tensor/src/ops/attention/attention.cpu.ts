import type { CpuRule } from '../../backends/cpu/rule.ts'
import type { Spec } from '../../graph/node.ts'
import type { AttentionAttrs } from './geometry.ts'

/** Rows of queries that are worked on together; 4 | block. */
const block = 32

/** Bytes one thread needs for a head of `s` keys and `d` elements; see assembly/attention.ts for what lies where. */
function scratchFor(s: number, d: number): number {
  const keys = Math.ceil(s / 8) * 8
  const width = Math.ceil(d / 8) * 8
  return (4 * keys * width + 2 * block * keys + 4 * block * width + 8 * Math.max(keys, width) + 64) * 4
}

/** One task a (batch, key-value head): K and V are packed once, query blocks stream past them, masked keys are skipped. */
/** Heads are read as float32; a narrower format is cast first. The documents, where there are any, come last. */
const supports = (inputs: readonly Spec[]) => inputs.slice(0, 3).every((s) => s.dtype === 'float32')

export const attentionCpu: CpuRule<AttentionAttrs> = {
  supports,
  plan: ({ inputs: [q, k, , documents], attrs: { scale, causal } }) => {
    const [b, t, h, d] = q.access.shape
    const [, s, kv] = k.access.shape
    return {
      calls: [
        {
          kernel: 'attentionForward',
          count: b * kv,
          grain: 1,
          args: [
            { input: 0 },
            { input: 1 },
            { input: 2 },
            { output: 0 },
            { output: 1 },
            t,
            s,
            h,
            kv,
            d,
            scale,
            causal ? 1 : 0,
            documents ? { input: 3 } : 0,
            'threadScratch',
          ],
        },
      ],
      threadScratchBytes: scratchFor(s, d),
    }
  },
}

export const attentionGradientCpu: CpuRule<AttentionAttrs> = {
  supports: (inputs) => supports(inputs) && inputs[3].dtype === 'float32',
  plan: ({ inputs: [q, k, , , , , documents], attrs: { scale, causal } }) => {
    const [b, t, h, d] = q.access.shape
    const [, s, kv] = k.access.shape
    return {
      calls: [
        {
          kernel: 'attentionBackward',
          count: b * kv,
          grain: 1,
          args: [
            { input: 0 },
            { input: 1 },
            { input: 2 },
            { input: 3 },
            { input: 4 },
            { input: 5 },
            { output: 0 },
            { output: 1 },
            { output: 2 },
            t,
            s,
            h,
            kv,
            d,
            scale,
            causal ? 1 : 0,
            documents ? { input: 6 } : 0,
            'threadScratch',
          ],
        },
      ],
      threadScratchBytes: scratchFor(s, d),
    }
  },
}
