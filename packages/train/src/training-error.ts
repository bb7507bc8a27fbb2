/** The error of failed training. */

/** Training cannot continue: the loss, a gradient or a parameter is NaN or infinite, or a spike policy stopped it. */
export class TrainingError extends Error {
  override name = 'TrainingError'
}
