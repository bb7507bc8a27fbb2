// Checks of dtypes that ops share.

import { isFloat } from '../dtype.ts'
import { DTypeError } from '../errors.ts'
import type { Spec } from '../graph/spec.ts'

/** The spec itself, if it is a float; otherwise the error a user reads. */
export function requireFloat(op: string, spec: Spec): Spec {
  if (!isFloat(spec.dtype))
    throw new DTypeError(`${op}: needs a float tensor, got ${spec.dtype}; cast it with astype('float32')`)
  return { shape: spec.shape, dtype: spec.dtype }
}
