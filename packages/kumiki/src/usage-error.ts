/** Incorrect use of the command line: exit code 2. Other errors exit with code 1. */
export class UsageError extends Error {
  /** For a name that does not exist: the name, and those that do. The nearest of them is suggested with the message. */
  readonly given?: string
  readonly known?: readonly string[]

  constructor(
    message: string,
    { given, known, ...options }: ErrorOptions & { given?: string; known?: readonly string[] } = {},
  ) {
    super(message, options)
    this.name = 'UsageError'
    if (given !== undefined && known !== undefined) Object.assign(this, { given, known })
  }
}

/** Runs a check of flag values, turning a RangeError or TypeError into a UsageError. */
export function checkedUse<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) throw new UsageError(error.message, { cause: error })
    throw error
  }
}
