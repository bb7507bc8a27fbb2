/** The error of batches that are asked to go on where others were. */

/** A state of batches belongs to other data, or to another order of it: the batches cannot go on from there. */
export class OtherDataError extends RangeError {
  override name = 'OtherDataError'
}
