import type { AdapterTraits, WebGpuPlan, WebGpuRule } from '../../backends/webgpu/rule.ts'
import type { Spec } from '../../graph/node.ts'
import type { KernelContext } from '../../passes/operand.ts'
import { blockedApplies, blockedBackward, blockedForward } from './blocked.wgsl.ts'
import type { AttentionAttrs } from './geometry.ts'
import { type AttentionSizes, attentionSizes } from './geometry.ts'
import { rowsBackward, rowsForward } from './rows.wgsl.ts'
import { tiledApplies, tiledBackward, tiledForward } from './tiled.wgsl.ts'

type Planner = (context: KernelContext<AttentionAttrs>, adapter: AdapterTraits) => WebGpuPlan

interface AttentionVariant {
  applies(sizes: AttentionSizes, adapter: AdapterTraits): boolean
  suits(sizes: AttentionSizes, adapter: AdapterTraits): boolean
  readonly forward: Planner
  readonly backward: Planner
}

/** Best first; the last one takes every size. */
const variants: Readonly<Record<string, AttentionVariant>> = {
  tiled: {
    applies: tiledApplies,
    suits: (_, adapter) => !adapter.software,
    forward: tiledForward,
    backward: tiledBackward,
  },
  blocked: {
    applies: blockedApplies,
    suits: ({ t }) => t >= 16,
    forward: blockedForward,
    backward: blockedBackward,
  },
  rows: {
    applies: () => true,
    suits: () => true,
    forward: rowsForward,
    backward: rowsBackward,
  },
}

/** Names of the attention variants, for pinning one. */
export const attentionVariants: readonly string[] = Object.keys(variants)

function rule(direction: 'forward' | 'backward'): WebGpuRule<AttentionAttrs> {
  return {
    // Its inputs and, backward, two of its results and a scratch buffer are the most one kernel binds.
    supports: (inputs: readonly Spec[], _, { maxStorageBuffers }) =>
      inputs[0].shape[3] % 4 === 0 && inputs[0].shape[3] <= 256 && inputs.length + 2 <= maxStorageBuffers,
    plan: (context, adapter) => {
      const [q, k] = context.inputs
      const sizes = attentionSizes(q, k)
      const { batch, t, heads, d, s, kvHeads } = sizes
      const causal = context.attrs.causal ? ' causal' : ''
      const key = `attention ${direction} ${batch}x${t}x${heads}x${d} over ${s}x${kvHeads}${causal} ${q.dtype}`
      const usable = Object.entries(variants).filter(([, v]) => v.applies(sizes, adapter))
      const wanted = [adapter.pinned?.attention, adapter.tuned?.get(key)]
      const [name, chosen] =
        usable.find(([n]) => wanted.includes(n)) ?? usable.find(([, v]) => v.suits(sizes, adapter))!
      return {
        ...chosen[direction](context, adapter),
        tunable: {
          key,
          chosen: name,
          alternatives: () => usable.map(([n, v]) => [n, v[direction](context, adapter)] as const),
        },
      }
    },
  }
}

export const attentionWgsl = rule('forward')
export const attentionGradientWgsl = rule('backward')
