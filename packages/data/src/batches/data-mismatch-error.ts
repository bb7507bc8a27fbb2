/** The error of restoring a state on other data. */

/** A saved state belongs to other data, or to another order of it, so it cannot be restored. */
export class DataMismatchError extends RangeError {
  override name = 'DataMismatchError'
}
