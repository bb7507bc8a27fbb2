// Chooses the WGSL variant of attention for a case.

import type { AdapterTraits, WebGpuPlan, WebGpuRule } from '../../backends/webgpu/rule.ts'
import type { Spec } from '../../graph/spec.ts'
import type { KernelContext } from '../../passes/operand.ts'
import { blockedForward } from './blocked.wgsl.ts'
import { blockedBackward } from './blocked-gradient.wgsl.ts'
import { blockedIsSupported } from './blocks.ts'
import { type AttentionAttrs, type AttentionSizes, attentionSizes } from './geometry.ts'
import { rowsBackward, rowsForward } from './rows.wgsl.ts'
import { tiledBackward, tiledForward, tiledIsSupported } from './tiled.wgsl.ts'

type Planner = (context: KernelContext<AttentionAttrs>, adapter: AdapterTraits) => WebGpuPlan

interface AttentionVariant {
  isSupported(sizes: AttentionSizes, adapter: AdapterTraits): boolean
  isPreferred(sizes: AttentionSizes, adapter: AdapterTraits): boolean
  readonly forward: Planner
  readonly backward: Planner
}

/** In order of preference; the last one supports every size. */
const variants: Readonly<Record<string, AttentionVariant>> = {
  tiled: {
    isSupported: tiledIsSupported,
    isPreferred: (_, adapter) => !adapter.software,
    forward: tiledForward,
    backward: tiledBackward,
  },
  blocked: {
    isSupported: blockedIsSupported,
    isPreferred: ({ t }) => t >= 16,
    forward: blockedForward,
    backward: blockedBackward,
  },
  rows: {
    isSupported: () => true,
    isPreferred: () => true,
    forward: rowsForward,
    backward: rowsBackward,
  },
}

/** Names of the attention variants, for pinning one. */
export const attentionVariants: readonly string[] = Object.keys(variants)

function rule(direction: 'forward' | 'backward'): WebGpuRule<AttentionAttrs> {
  return {
    // At most, a kernel binds all inputs and two more buffers.
    supports: (inputs: readonly Spec[], _, { maxStorageBuffers }) =>
      inputs[0].shape[3] % 4 === 0 && inputs[0].shape[3] <= 256 && inputs.length + 2 <= maxStorageBuffers,
    plan: (context, adapter) => {
      const [q, k] = context.inputs
      const sizes = attentionSizes(q, k)
      const { batch, t, heads, d, s, kvHeads } = sizes
      const { causal: lower, window, softcap } = context.attrs
      const causal = `${lower ? ' causal' : ''}${window ? ` window ${window}` : ''}${softcap ? ' capped' : ''}`
      const key = `attention ${direction} ${batch}x${t}x${heads}x${d} over ${s}x${kvHeads}${causal} ${q.dtype}`
      const usable = Object.entries(variants).filter(([, v]) => v.isSupported(sizes, adapter))
      const wanted = [adapter.pinned?.attention, adapter.tuned?.get(key)]
      const [name, chosen] =
        usable.find(([n]) => wanted.includes(n)) ?? usable.find(([, v]) => v.isPreferred(sizes, adapter))!
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
