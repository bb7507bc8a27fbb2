/** The error of failed training. */

/** Training cannot continue: the loss, a gradient or a parameter is NaN or infinite, or a spike policy stopped it. */
export class TrainingError extends Error {
  override name = 'TrainingError'
  /** What happened, without what to do about it. */
  readonly problem: string

  constructor(message: string, { problem = message, ...options }: ErrorOptions & { readonly problem?: string } = {}) {
    super(message, options)
    this.problem = problem
  }
}
