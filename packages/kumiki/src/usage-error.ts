/** Wrong use of the command line: exit code 2. Whatever else is thrown is a failure: exit code 1. */
export class UsageError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'UsageError'
  }
}

/** Runs what checks values given as flags: a RangeError or TypeError there is wrong use. */
export function checkedUse<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) throw new UsageError(error.message, { cause: error })
    throw error
  }
}
