/** The least temporary memory that a compiled program needs, from the text of its `explain()`. */
import { bytesPerElement, type DType } from '@kumiki/tensor'

interface Value {
  readonly from: number
  to: number
  bytes: number
}

const operand = /temporary(\d+)(?:\+(\d+))?:(\w+)\[([\d, ]*)\]/g

/**
 * The largest sum of the sizes of temporary values that are alive during one kernel. What the program's buffers take
 * above this is fragmentation: values that do not fit where others were.
 * @param explained lines ` 12 outputs = kernel(inputs)` with operands `temporary3:float32[4, 128]`, in execution order
 * @throws Error if no line has that form
 */
export function livePeak(explained: string): { bytes: number; kernel: string } {
  const kernels = explained.split('\n').flatMap((line) => {
    const found = /^\s*\d+ {2}(.*?) = ([^(]*)(\(.*)$/.exec(line)
    return found ? [{ outputs: found[1], name: found[2], inputs: found[3] }] : []
  })
  if (kernels.length === 0) throw new Error('livePeak: the text has no line such as "  12  outputs = kernel(inputs)"')
  const values: Value[] = []
  const held = new Map<string, Value>()
  kernels.forEach(({ outputs, inputs }, i) => {
    const read = new Set<Value>()
    for (const [, buffer] of inputs.matchAll(operand)) {
      const value = held.get(buffer)
      if (!value) continue
      value.to = i
      read.add(value)
    }
    for (const [, buffer, offset, dtype, shape] of outputs.matchAll(operand)) {
      const size = shape ? shape.split(',').reduce((product, d) => product * Number(d), 1) : 1
      const end = Number(offset ?? 0) + size * bytesPerElement[dtype as DType]
      const before = held.get(buffer)
      // A part of a concatenated value, or an in-place operation: the same value stays alive.
      if (before && (offset || (read.has(before) && before.bytes === end))) {
        before.to = i
        before.bytes = Math.max(before.bytes, end)
        continue
      }
      const value = { from: i, to: i, bytes: end }
      held.set(buffer, value)
      values.push(value)
    }
  })
  const change = new Float64Array(kernels.length + 1)
  for (const { from, to, bytes } of values) {
    change[from] += bytes
    change[to + 1] -= bytes
  }
  let live = 0
  let peak = { bytes: 0, kernel: '' }
  kernels.forEach(({ name }, i) => {
    live += change[i]
    if (live > peak.bytes) peak = { bytes: live, kernel: `${i}: ${name}` }
  })
  return peak
}
