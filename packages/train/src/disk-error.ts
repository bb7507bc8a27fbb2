/** Errors of writing files, with remedies for the user. Node only. */

/**
 * A file that could not be written because of the disk. The message has the problem and the remedy for a run that ends.
 */
export class DiskError extends Error {
  override name = 'DiskError'
  /** The file and what is wrong, as a sentence without its full stop. */
  readonly problem: string
  /** What helps whether the run ends or continues. */
  readonly remedy: string

  constructor(problem: string, remedy: string, options?: ErrorOptions) {
    super(`${problem}. ${remedy} and resume the run`, options)
    this.problem = problem
    this.remedy = remedy
  }
}

/**
 * Converts the error of a write.
 * @param path the file or folder that was written
 * @param intact what a full disk has not affected, for the message
 */
export function diskError(path: string, error: unknown, intact: string): unknown {
  // `replaceFile` of @kumiki/models wraps the system's error.
  const { cause } = error as Error
  const system = (error as NodeJS.ErrnoException).code === undefined && cause instanceof Error ? cause : error
  const { code, message } = system as NodeJS.ErrnoException
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new DiskError(`${path}: the disk is full; ${intact}`, 'Free some space', { cause: system })
  if (code === 'EACCES' || code === 'EROFS') return new Error(`${path}: no permission to write here`, { cause: system })
  return code === undefined ? error : new Error(`${path}: ${message}`, { cause: system })
}

/** An error's text for a run that continues: without the advice to resume it. */
export const messageWhileRunning = (error: unknown): string =>
  error instanceof DiskError ? `${error.problem}. ${error.remedy}` : (error as Error).message

/**
 * Wraps writes that a run can do without. With `continue`, a failed write is logged, once until a write succeeds again.
 * @param onWriteFailure `stop` (default) rethrows the error
 */
export function tolerateWriteFailures(
  onWriteFailure: 'stop' | 'continue' = 'stop',
  log: (line: string) => void = () => {},
): (work: () => Promise<unknown>, without: string) => Promise<void> {
  let reported = false
  return async (work, without) => {
    try {
      await work()
      reported = false
    } catch (error) {
      if (onWriteFailure !== 'continue') throw error
      if (!reported) log(`${messageWhileRunning(error)}. The run continues without ${without}`)
      reported = true
    }
  }
}
