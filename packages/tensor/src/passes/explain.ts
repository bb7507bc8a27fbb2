// A plan as text.

import { formatShape } from '../shape.ts'
import { isContiguous } from './access.ts'
import type { Operand } from './operand.ts'
import { bufferKey, type Plan } from './plan.ts'

/** The plan as text: one line per kernel, with the buffers it reads and writes. */
export function explainPlan(plan: Plan): string {
  const operand = (x: Operand) =>
    `${bufferKey(plan, x.slot)}:${x.dtype}${formatShape(x.access.shape)}${isContiguous(x.access) ? '' : `/${x.access.strides.join(',')}`}`
  const lines = plan.steps.map(
    (s, i) =>
      `${String(i).padStart(4)}  ${s.outputs.map(operand).join(', ')} = ${s.name}(${s.inputs.map(operand).join(', ')})`,
  )
  const bytes = plan.temporaries.reduce((a, b) => a + b, 0)
  return [
    ...lines,
    `${plan.steps.length} kernels, ${plan.temporaries.length} temporary buffers of ${bytes} bytes together`,
  ].join('\n')
}
