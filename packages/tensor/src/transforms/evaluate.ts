import type { Executable } from '../backends/backend.ts'
import type { Device } from '../device.ts'
import { bufferBytes } from '../dtype.ts'
import { type Graph, topologicalOrder } from '../graph/graph.ts'
import type { Node, Value } from '../graph/node.ts'
import { elementCount } from '../shape.ts'
import { assertPresent, type Storage } from '../storage.ts'

/** How many lazily built programs a device remembers. */
const remembered = 512

/** Computes values and gives them storage. Graphs of one structure share one program. */
export async function evaluateValues(device: Device, values: readonly Value[]): Promise<void> {
  const wanted = [...new Set(values)].filter((v) => !v.storage)
  if (wanted.length === 0) return
  const order = topologicalOrder(wanted)
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
  const graph: Graph = { inputs: leaves, outputs: wanted }
  const key = structureKey(order, leaves, wanted)
  let program = device.programs.get(key) as Executable | undefined
  if (!program) {
    program = await device.backend.compile(graph, {
      donated: new Set(),
      preferred: wanted.map(() => -1),
      keepTemporaries: false,
    })
    if (device.programs.size >= remembered) {
      const [oldest] = device.programs.keys()
      ;(device.programs.get(oldest) as Executable).dispose()
      device.programs.delete(oldest)
    }
    device.programs.set(key, program)
  }
  const outputs = wanted.map((v) => device.backend.allocate(bufferBytes(v.dtype, elementCount(v.shape))))
  try {
    await program.run(
      leaves.map((v) => device.bufferOf(v.storage as Storage)),
      outputs,
    )
  } catch (error) {
    for (const b of outputs) device.backend.release(b)
    throw error
  }
  wanted.forEach((v, i) => {
    const storage: Storage = { device, spec: { shape: v.shape, dtype: v.dtype }, buffer: outputs[i] }
    v.storage = storage
    device.adopt(storage)
    // A node whose results all exist needs its inputs no longer: let the garbage collector have them.
    if (v.node.outputs.every((o) => o.storage)) v.node.inputs = []
  })
}

function structureKey(order: readonly Node[], leaves: readonly Value[], outputs: readonly Value[]): string {
  const names = new Map<Value, string>()
  leaves.forEach((v, i) => {
    names.set(v, `$${i}:${v.dtype}${v.shape.join('x')}`)
  })
  const lines = order.map((node, i) => {
    node.outputs.forEach((v, k) => {
      names.set(v, `%${i}.${k}`)
    })
    return `${node.op.name}(${node.inputs.map((v) => names.get(v)).join(',')})${JSON.stringify(node.attrs, (_, x) => (typeof x === 'function' ? `f${identity(x)}` : x === Infinity ? 'inf' : x))}`
  })
  return `${lines.join(';')}=>${outputs.map((v) => names.get(v)).join(',')}|${leaves.map((v) => names.get(v)).join(',')}`
}

const functionIds = new WeakMap<object, number>()
let nextFunction = 1

function identity(f: object): number {
  let id = functionIds.get(f)
  if (!id) functionIds.set(f, (id = nextFunction++))
  return id
}
