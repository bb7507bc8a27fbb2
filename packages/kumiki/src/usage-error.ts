/** Incorrect use of the command line: exit code 2. Other errors exit with code 1. */
export class UsageError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'UsageError'
  }
}

/**
 * Runs a check of flag values, turning a RangeError or TypeError into a UsageError.
 * @param hint appended to its message
 */
export function checkedUse<T>(work: () => T, hint = () => ''): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError)
      throw new UsageError(error.message + hint(), { cause: error })
    throw error
  }
}
