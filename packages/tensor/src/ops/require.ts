// Validation of dtypes.

import { isFloat } from '../dtype.ts'
import { DTypeError } from '../errors.ts'
import type { Spec } from '../graph/spec.ts'

/** Shape and dtype of a float. @throws DTypeError for integers */
export function requireFloat(op: string, spec: Spec): Spec {
  if (!isFloat(spec.dtype))
    throw new DTypeError(`${op}: needs a float tensor, got ${spec.dtype}; cast it with astype('float32')`)
  return { shape: spec.shape, dtype: spec.dtype }
}
