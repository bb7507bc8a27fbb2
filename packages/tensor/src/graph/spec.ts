// Shape and dtype of a value.

import type { DType } from '../dtype.ts'
import type { Shape } from '../shape.ts'

/** What is known of a value before it is computed. */
export interface Spec {
  readonly shape: Shape
  readonly dtype: DType
}
