// Runs one step of a plan by the definitions of its ops, where no kernel covers it.

import { computeType, type DType, type HostArray, isPacked, roundTo } from '../dtype.ts'
import { decodeArray, encodeArray } from '../formats.ts'
import type { Logical } from '../op.ts'
import type { Access } from '../passes/access.ts'
import type { Step } from '../passes/plan.ts'
import { elementCount } from '../shape.ts'

/** The values that an access reads from stored codes. */
function gather(codes: HostArray, dtype: DType, access: Access): Float64Array {
  const values = isPacked(dtype) ? decodeArray(dtype, codes as Uint16Array) : codes
  const out = new Float64Array(elementCount(access.shape))
  const index = access.shape.map(() => 0)
  let at = access.offset
  for (let i = 0; i < out.length; i++) {
    out[i] = values[at]
    for (let d = index.length - 1; d >= 0; d--) {
      at += access.strides[d]
      if (++index[d] < access.shape[d]) break
      at -= access.strides[d] * access.shape[d]
      index[d] = 0
    }
  }
  return out
}

function store(codes: HostArray, dtype: DType, values: Float64Array): void {
  codes.set(isPacked(dtype) ? encodeArray(dtype, Float32Array.from(values)) : values)
}

/** Runs a step by the definitions of its ops. `memory(slot)` gives the codes of a slot. */
export function runByDefinition(step: Step, memory: (slot: number) => HostArray): void {
  if (!step.fused) {
    const inputs: Logical[] = step.inputs.map((x) => ({
      shape: x.access.shape,
      dtype: x.dtype,
      data: gather(memory(x.slot), x.dtype, x.access),
    }))
    const outputs: Logical[] = step.outputs.map((x) => ({
      shape: x.access.shape,
      dtype: x.dtype,
      data: new Float64Array(elementCount(x.access.shape)),
    }))
    if (!step.op?.evaluate) throw new Error(`the op ${step.name} has neither a kernel nor an evaluation`)
    step.op.evaluate(inputs, step.attrs, outputs)
    step.outputs.forEach((x, i) => {
      for (let k = 0; k < outputs[i].data.length; k++) outputs[i].data[k] = roundTo(x.dtype, outputs[i].data[k])
      store(memory(x.slot), x.dtype, outputs[i].data)
    })
    return
  }
  const { leaves, nodes, results, shape } = step.fused
  const n = elementCount(shape)
  const values = leaves.map((leaf) => {
    if (leaf.kind === 'constant') return new Float64Array(n).fill(leaf.value)
    if (leaf.kind === 'value') throw new Error('a definition cannot fuse elementwise operations')
    if (leaf.kind === 'memory') return gather(memory(leaf.slot), leaf.dtype, leaf.access)
    const identity = Int32Array.from(
      {
        length:
          1 +
          leaf.access.offset +
          leaf.access.shape.reduce((a, d, i) => a + Math.max(0, d - 1) * leaf.access.strides[i], 0),
      },
      (_, i) => i,
    )
    return gather(identity, 'int32', leaf.access)
  })
  for (const node of nodes) {
    const out = new Float64Array(n)
    const type = computeType(node.from)
    for (let i = 0; i < n; i++) {
      const x = node.op.elementwise!.js(
        node.args.map((a) => values[a][i]),
        type,
        node.attrs,
      )
      out[i] = roundTo(node.dtype, x)
    }
    values.push(out)
  }
  step.outputs.forEach((x, i) => {
    store(memory(x.slot), x.dtype, values[results[i]])
  })
}
