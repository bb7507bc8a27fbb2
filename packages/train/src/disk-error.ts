/** What a file system refuses, as a user can act on it. Node only. */

/** The error of a write. @param path what was written @param whole what is still there, for a disk that is full */
export function diskError(path: string, error: unknown, whole: string): unknown {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new Error(`${path}: the disk is full; ${whole}. Free some space and resume the run`, { cause: error })
  if (code === 'EACCES' || code === 'EROFS') return new Error(`${path}: no permission to write here`, { cause: error })
  return code === undefined ? error : new Error(`${path}: ${message}`, { cause: error })
}

/** What an error says where the run goes on all the same: nothing has to be resumed. */
export const saidOnTheWay = (error: unknown): string => (error as Error).message.replace(/ and resume the run$/, '')

/**
 * Work of an observer that a run can do without: where it fails and the run shall go on, that is told once until it works again.
 * @param onWriteFailure `stop` (default) throws what it throws
 */
export function bearable(
  onWriteFailure: 'stop' | 'continue' = 'stop',
  log: (line: string) => void = () => {},
): (work: () => Promise<unknown>, without: string) => Promise<void> {
  let said = false
  return async (work, without) => {
    try {
      await work()
      said = false
    } catch (error) {
      if (onWriteFailure !== 'continue') throw error
      if (!said) log(`${saidOnTheWay(error)}. The run goes on without ${without}`)
      said = true
    }
  }
}
