/** The error of training that has come to an end of its own. */

/** Training that must not go on: the loss or the gradient is no longer a number. */
export class TrainingError extends Error {
  override name = 'TrainingError'
}
