// The reference backend: every op by its definition in doubles, rounded to its dtype after each.

import { type DType, type HostArray, isPacked, roundTo, storageArray } from '../../dtype.ts'
import { decodeArray, encodeArray } from '../../formats.ts'
import { type Graph, graphOrder } from '../../graph/graph.ts'
import type { Value } from '../../graph/node.ts'
import type { Logical } from '../../op.ts'
import { expand } from '../../passes/expand.ts'
import { elementCount } from '../../shape.ts'
import type { DeviceBuffer } from '../../storage.ts'
import type { Backend, CompileOptions, Counters, Executable } from '../backend.ts'

interface ReferenceBuffer extends DeviceBuffer {
  memory: ArrayBuffer
  /** The values before rounding, in double precision mode. */
  exact?: Float64Array
}

export interface ReferenceOptions {
  /** Keep floats in double precision between ops instead of rounding them to their dtype: for finite differences. */
  readonly double?: boolean
}

/**
 * Every op by its definition, one node at a time, on plain arrays: slow and simple, the reference for all other
 * backends.
 */
export class ReferenceBackend implements Backend {
  readonly kind = 'reference'
  readonly description: string
  readonly counters: Counters = { buffers: 0, bytes: 0, created: 0, submits: 0, encoders: 0, dispatches: 0 }
  private readonly double: boolean

  constructor(options: ReferenceOptions = {}) {
    this.double = options.double ?? false
    this.description = this.double ? 'definitions in double precision' : 'definitions'
  }

  allocate(bytes: number): DeviceBuffer {
    this.counters.buffers++
    this.counters.created++
    this.counters.bytes += bytes
    return { bytes, memory: new ArrayBuffer(bytes) } as ReferenceBuffer
  }

  release(buffer: DeviceBuffer): void {
    this.counters.buffers--
    this.counters.bytes -= buffer.bytes
  }

  discard(buffer: DeviceBuffer): void {
    this.release(buffer)
  }

  upload(buffer: DeviceBuffer, data: HostArray): void {
    new Uint8Array((buffer as ReferenceBuffer).memory).set(
      new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    )
  }

  async download(buffer: DeviceBuffer, bytes: number): Promise<ArrayBuffer> {
    return (buffer as ReferenceBuffer).memory.slice(0, bytes)
  }

  /** The double-precision values of a buffer, if the backend keeps them. */
  exactValues(buffer: DeviceBuffer): Float64Array | undefined {
    return (buffer as ReferenceBuffer).exact
  }

  async compile(graph: Graph, _options: CompileOptions): Promise<Executable> {
    const plain = expand(graph, () => false, { lower: false })
    // Nodes drop their inputs once their results exist, so the program keeps lists of its own.
    const order = graphOrder(plain).map((node) => ({
      op: node.op,
      attrs: node.attrs,
      inputs: node.inputs,
      outputs: node.outputs,
    }))
    const lastUse = new Map<Value, number>()
    order.forEach((node, i) => {
      for (const v of node.inputs) lastUse.set(v, i)
    })
    for (const v of plain.outputs) lastUse.set(v, Infinity)
    return {
      aliases: plain.outputs.map(() => -1),
      run: (ins, outs) => {
        const values = new Map<Value, Float64Array>()
        plain.inputs.forEach((v, i) => {
          values.set(v, this.load(ins[i] as ReferenceBuffer, v.dtype, elementCount(v.shape)))
        })
        order.forEach((node, i) => {
          const results: Logical[] = node.outputs.map((v) => ({
            shape: v.shape,
            dtype: v.dtype,
            data: new Float64Array(elementCount(v.shape)),
          }))
          const { op } = node
          if (!op.evaluate) throw new Error(`reference: the op ${op.name} has no evaluation`)
          op.evaluate(
            node.inputs.map((v) => ({ shape: v.shape, dtype: v.dtype, data: values.get(v)! })),
            node.attrs,
            results,
          )
          results.forEach((r, k) => {
            if (!(this.double && !isPacked(r.dtype) && r.dtype === 'float32'))
              for (let j = 0; j < r.data.length; j++) r.data[j] = roundTo(r.dtype, r.data[j])
            values.set(node.outputs[k], r.data)
          })
          for (const v of node.inputs) if (lastUse.get(v) === i) values.delete(v)
        })
        plain.outputs.forEach((v, i) => {
          this.store(outs[i] as ReferenceBuffer, v.dtype, values.get(v)!)
        })
      },
      explain: () =>
        order.map((n) => `${n.op.name}(${n.inputs.map((v) => `${v.dtype}[${v.shape}]`).join(', ')})`).join('\n'),
      memory: () => ({ temporaryBytes: 0, inputBytes: 0, outputBytes: 0, peakBytes: 0 }),
      releaseTemporaries() {},
      dispose() {},
    }
  }

  destroy(): void {}

  private load(buffer: ReferenceBuffer, dtype: DType, n: number): Float64Array {
    if (buffer.exact) return buffer.exact
    const codes = storageArray(dtype, buffer.memory, 0, n)
    return Float64Array.from(isPacked(dtype) ? decodeArray(dtype, codes as Uint16Array) : codes)
  }

  private store(buffer: ReferenceBuffer, dtype: DType, data: Float64Array): void {
    const codes = isPacked(dtype) ? encodeArray(dtype, Float32Array.from(data)) : storageArray(dtype, data.length)
    if (!isPacked(dtype)) codes.set(data)
    this.upload(buffer, codes)
    buffer.exact = this.double && dtype === 'float32' ? data.slice() : undefined
  }
}
