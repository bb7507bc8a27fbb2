/** Handles a closed stdout or stderr: long work continues, text streaming ends. */

let streaming = false
let terminalGone = false

/**
 * Keeps working when the reader of stdout exits (`| head`, a closed terminal). Only verbs that call `endWithReader` end
 * then.
 */
export function surviveClosedOutput(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // A reader that stops early is not a failure.
    if (streaming && error.code === 'EPIPE') process.exit(0)
    if (error.code === 'EIO') terminalGone = true
    if (error.code === 'EPIPE' || error.code === 'EIO') return
    process.exitCode = 1
    process.stderr.write(`kumiki: stdout cannot be written (${error.message})\n`)
  })
  // Without stderr there is nowhere to report the error.
  process.stderr.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EIO') terminalGone = true
  })
}

/**
 * Ends the process with SIGHUP if its terminal was closed: on a normal exit Node would try to reset the terminal, and
 * abort.
 */
export function endWithoutTerminal(): void {
  if (!terminalGone) return
  process.removeAllListeners('SIGHUP')
  process.kill(process.pid, 'SIGHUP')
}

/** For verbs whose only result is what they write to stdout: they end once it is closed. */
export function endWithReader(): void {
  streaming = true
}
