import type { WebGpuRule } from '../backends/webgpu/rule.ts'
import { mapShader } from '../backends/webgpu/shader.ts'
import { computeType } from '../dtype.ts'
import { elementCount } from '../shape.ts'

/** Each output element finds the input it comes from: no two invocations write one word, whatever the format. */
export const concatenateWgsl: WebGpuRule<{ axis: number }> = {
  plan: ({ inputs, outputs: [out], attrs: { axis } }) => {
    const type = computeType(out.dtype)
    const row = elementCount(out.access.shape.slice(axis))
    const elements = elementCount(out.access.shape)
    let start = 0
    const cases = inputs.map((x, k) => {
      const n = elementCount(x.access.shape.slice(axis))
      const text = n === 0 ? '' : `  if (r < ${start + n}u) { return x${k}_at(outer * ${n}u + r - ${start}u); }`
      start += n
      return text
    })
    const value = `fn value(i: u32) -> ${type} {
  let outer = i / ${row}u;
  let r = i % ${row}u;
${cases.filter(Boolean).join('\n')}
  return ${type}(0);
}`
    const buffers = [...inputs.map((x, k) => ({ name: `x${k}`, dtype: x.dtype })), { name: 'out', dtype: out.dtype, write: true }]
    return { dispatches: [{ name: 'concatenate', bindings: [...inputs.map((_, k) => ({ input: k })), { output: 0 }], ...mapShader(buffers, elements, type, value) }] }
  },
}
