// WGSL that concatenates tensors along an axis.

import type { WebGpuRule } from '../backends/webgpu/rule.ts'
import { mapShader } from '../backends/webgpu/shader.ts'
import { computeType } from '../dtype.ts'
import { elementCount } from '../shape.ts'

/** By output elements, so that no two invocations write the same word of a packed format. */
export const concatenateWgsl: WebGpuRule<{ axis: number }> = {
  plan: ({ inputs: all, outputs: [out], attrs: { axis } }) => {
    // A binding that the shader does not use is not part of its layout: empty inputs are left out.
    const inputs = all.flatMap((x, k) => (elementCount(x.access.shape) === 0 ? [] : [{ ...x, k }]))
    const type = computeType(out.dtype)
    const row = elementCount(out.access.shape.slice(axis))
    const elements = elementCount(out.access.shape)
    let start = 0
    const cases = inputs.map((x) => {
      const n = elementCount(x.access.shape.slice(axis))
      const text = `  if (r < ${start + n}u) { return x${x.k}_at(outer * ${n}u + r - ${start}u); }`
      start += n
      return text
    })
    const value = `fn value(i: u32) -> ${type} {
  let outer = i / ${row}u;
  let r = i % ${row}u;
${cases.join('\n')}
  return ${type}(0);
}`
    const buffers = [
      ...inputs.map((x) => ({ name: `x${x.k}`, dtype: x.dtype })),
      { name: 'out', dtype: out.dtype, write: true },
    ]
    return {
      dispatches: [
        {
          name: 'concatenate',
          bindings: [...inputs.map((x) => ({ input: x.k })), { output: 0 }],
          ...mapShader(buffers, elements, type, value),
        },
      ],
    }
  },
}
