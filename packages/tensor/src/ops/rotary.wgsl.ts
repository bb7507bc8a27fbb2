// WGSL of rotary position embedding.

import type { WebGpuRule } from '../backends/webgpu/rule.ts'
import { linearEntry, mapShader, shader, workgroupsFor } from '../backends/webgpu/shader.ts'
import { elementCount } from '../shape.ts'

/** Element i of a head is rotated with element i + headDim / 2. */
export const rotaryWgsl: WebGpuRule<{ inverse: boolean }> = {
  plan: ({ inputs: [x, cos, sin], outputs: [out], attrs: { inverse } }) => {
    const [, t, h, d] = x.access.shape
    const half = d / 2
    const value = `fn value(i: u32) -> f32 {
  let e = i % ${d}u;
  let at = ((i / ${h * d}u) % ${t}u) * ${half}u + e % ${half}u;
  let c = cos_at(at);
  let s = ${inverse ? '-' : ''}sin_at(at);
  if (e < ${half}u) { return x_at(i) * c - x_at(i + ${half}u) * s; }
  return x_at(i) * c + x_at(i - ${half}u) * s;
}`
    if (half % 4 === 0) {
      // Four adjacent elements are on the same side of their pairs: whole vectors.
      const wgsl = shader(
        [
          { name: 'x', dtype: x.dtype, vector: true },
          { name: 'cos', dtype: cos.dtype, vector: true },
          { name: 'sin', dtype: sin.dtype, vector: true },
          { name: 'out', dtype: out.dtype, write: true, vector: true },
        ],
        linearEntry(
          64,
          `  let i = id * 4u;
  if (i >= ${elementCount(x.access.shape)}u) { return; }
  let e = i % ${d}u;
  let at = ((i / ${h * d}u) % ${t}u) * ${half}u + e % ${half}u;
  let c = cos_at4(at);
  let s = ${inverse ? '-' : ''}sin_at4(at);
  let first = e < ${half}u;
  let other = x_at4(select(i - ${half}u, i + ${half}u, first));
  out_set4(i, x_at4(i) * c + select(other, -other, first) * s);`,
        ),
      )
      return {
        dispatches: [
          {
            name: 'rotary',
            wgsl,
            bindings: [{ input: 0 }, { input: 1 }, { input: 2 }, { output: 0 }],
            workgroups: workgroupsFor(elementCount(x.access.shape) / 4, 64),
          },
        ],
      }
    }
    const buffers = [
      { name: 'x', dtype: x.dtype },
      { name: 'cos', dtype: cos.dtype },
      { name: 'sin', dtype: sin.dtype },
      { name: 'out', dtype: out.dtype, write: true },
    ]
    return {
      dispatches: [
        {
          name: 'rotary',
          bindings: [{ input: 0 }, { input: 1 }, { input: 2 }, { output: 0 }],
          ...mapShader(buffers, elementCount(x.access.shape), 'f32', value),
        },
      ],
    }
  },
}
