// Computes lazy values. Graphs of equal structure share a program.

import type { Backend, Executable } from '../backends/backend.ts'
import { bufferBytes, storedNumber } from '../dtype.ts'
import { type Graph, rewrite, topologicalOrder } from '../graph/graph.ts'
import { identityOf, keyOf } from '../graph/key.ts'
import { applies, makeNode, type Node, type Value } from '../graph/node.ts'
import type { Op } from '../op.ts'
import { constantOp, inputOp } from '../ops/leaf.ts'
import type { ProgramCache } from '../program-cache.ts'
import { elementCount } from '../shape.ts'
import { assertPresent, type DeviceBuffer, encodeHost, pin, type Storage, type StorageOwner } from '../storage.ts'

/**
 * The program of a lazily built graph. Constants that have changed from call to call are inputs of it, the others are
 * part of it.
 */
export interface LazyProgram {
  readonly executable: Executable
  /** For each constant of the graph: its value, or undefined if it is an input. */
  readonly constants: readonly (number | undefined)[]
}

/** The part of a device that evaluation uses. */
export interface Evaluator extends StorageOwner {
  readonly backend: Backend
  /** Programs of lazily evaluated graphs, by structure. */
  readonly programs: ProgramCache<LazyProgram>
}

type Constant = typeof constantOp extends Op<infer A> ? Node<A> : never

/**
 * Values whose evaluation has started, intermediate ones included, each with the promise of that evaluation. Another
 * evaluation waits for it, because a graph must not change while it is planned.
 */
const pending = new WeakMap<Value, Promise<void>>()

/**
 * Computes values and gives them storage. Graphs of equal structure share a program, whatever constants they contain.
 * Values that another call is computing are awaited, not recomputed.
 */
export async function evaluateValues(device: Evaluator, values: readonly Value[]): Promise<void> {
  for (;;) {
    const wanted = [...new Set(values)].filter((v) => !v.storage)
    if (wanted.length === 0) return
    device.assertUsable('evaluate')
    const order = topologicalOrder(wanted)
    if (order.some((node) => node.op === inputOp))
      throw new TypeError(
        'data(): this tensor depends on an argument of a function that is being compiled, and has no value while the program is built; return it from the function and read the result. What is compiled cannot read tensors, wait for promises or call another compiled function: call the plain function there',
      )
    const others = new Set(
      order.flatMap((node) => node.outputs.map((v) => pending.get(v)).filter((p) => p !== undefined)),
    )
    if (others.size > 0) {
      await Promise.all(others)
      continue
    }
    const work = compute(device, order, wanted)
    const all = order.flatMap((node) => node.outputs)
    for (const v of all) pending.set(v, work)
    try {
      await work
    } finally {
      for (const v of all) pending.delete(v)
    }
  }
}

async function compute(device: Evaluator, order: readonly Node[], wanted: readonly Value[]): Promise<void> {
  const leaves: Value[] = []
  const seen = new Set<Value>()
  for (const node of order) {
    for (const v of node.inputs) {
      if (v.storage && !seen.has(v)) {
        seen.add(v)
        leaves.push(v)
      }
    }
  }
  for (const v of leaves) assertPresent(v.storage!, 'evaluate')
  // Operands that are disposed or donated meanwhile keep their memory until the end.
  const unpin = pin(leaves.map((v) => v.storage as Storage))
  const taken: DeviceBuffer[] = []
  try {
    const take = (bytes: number): DeviceBuffer => {
      taken.push(device.backend.allocate(bytes))
      return taken[taken.length - 1]
    }
    await encodeHost(leaves.map((v) => v.storage as Storage))
    const outputs = wanted.map((v) => take(bufferBytes(v.dtype, elementCount(v.shape))))
    const constants = order.filter((node) => applies(node, constantOp))
    await withProgram(device, { inputs: leaves, outputs: wanted }, order, constants, (program) => {
      device.assertUsable('evaluate')
      const numbers = constants.flatMap((node, i) => {
        if (program.constants[i] !== undefined) return []
        const buffer = take(16)
        device.backend.upload(buffer, storedNumber(node.attrs.dtype, node.attrs.value))
        return [buffer]
      })
      return program.executable.run([...leaves.map((v) => device.bufferOf(v.storage as Storage)), ...numbers], outputs)
    })
    wanted.forEach((v, i) => {
      const storage: Storage = { owner: device, spec: { shape: v.shape, dtype: v.dtype }, buffer: outputs[i] }
      v.storage = storage
      device.adopt(storage)
    })
    taken.splice(0, outputs.length)
    // A node whose results all exist no longer needs its inputs: they can be garbage-collected.
    for (const { node } of wanted) if (node.outputs.every((o) => o.storage)) node.inputs = []
  } finally {
    for (const b of taken) device.backend.release(b)
    unpin()
  }
}

/** Calls `f` with the program of a graph, built for these constants or with those that change as inputs. */
async function withProgram(
  device: Evaluator,
  graph: Graph,
  order: readonly Node[],
  constants: readonly Constant[],
  f: (program: LazyProgram) => void | Promise<void>,
): Promise<void> {
  const key = structureKey(order, graph)
  const values = constants.map((node) => node.attrs.value)
  let fixed: readonly (number | undefined)[] = values
  const build = async (): Promise<LazyProgram> => ({
    constants: fixed,
    executable: await device.backend.compile(withInputs(graph, constants, fixed), {
      donated: new Set(),
      preferred: graph.outputs.map(() => -1),
      keepTemporaries: false,
    }),
  })
  for (let ran = false; !ran; ) {
    ran = await device.programs.use(key, build, async (program) => {
      const fits = program.constants.every((c, i) => c === undefined || Object.is(c, values[i]))
      if (fits) await f(program)
      else {
        // The same computation with other constants: those that changed are inputs from now on.
        fixed = program.constants.map((c, i) => (Object.is(c, values[i]) ? c : undefined))
        device.programs.evict(key, program)
      }
      return fits
    })
  }
}

/** The graph with some of its constants as additional inputs. */
function withInputs(graph: Graph, constants: readonly Constant[], fixed: readonly (number | undefined)[]): Graph {
  const replaced = new Map<Node, Value>()
  constants.forEach((node, i) => {
    if (fixed[i] !== undefined) return
    const [spec] = node.outputs
    const attrs = { index: graph.inputs.length + replaced.size, shape: spec.shape, dtype: spec.dtype }
    replaced.set(node, makeNode(inputOp, [], attrs, [spec], node.order).outputs[0])
  })
  if (replaced.size === 0) return graph
  const { outputs } = rewrite(graph, (node, ins) => {
    const input = replaced.get(node)
    if (input) return [input]
    const same = ins.every((v, i) => v === node.inputs[i])
    return same ? node.outputs : makeNode(node.op, ins, node.attrs, node.outputs, node.order).outputs
  })
  return { inputs: [...graph.inputs, ...replaced.values()], outputs }
}

/** A key that is equal for graphs that differ only in the values of constants. */
function structureKey(order: readonly Node[], { inputs, outputs }: Graph): string {
  const names = new Map<Value, string>()
  inputs.forEach((v, i) => {
    names.set(v, `$${i}:${v.dtype}${v.shape.join('x')}`)
  })
  const lines = order.map((node, i) => {
    node.outputs.forEach((v, k) => {
      names.set(v, `%${i}.${k}`)
    })
    const attrs = applies(node, constantOp) ? node.attrs.dtype : keyOf(node.attrs)
    return `${identityOf(node.op)}(${node.inputs.map((v) => names.get(v)).join(',')})${attrs}`
  })
  return `${lines.join(';')}=>${outputs.map((v) => names.get(v)).join(',')}|${inputs.map((v) => names.get(v)).join(',')}`
}
