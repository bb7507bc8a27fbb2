/** stdout or stderr closed by the reader: long work goes on, a stream of text ends. */

let streaming = false
let terminalGone = false

/**
 * A reader that goes away (`| head`, a terminal that is closed) ends nothing: what is being made is made to the end. Only what a reader's end
 * makes pointless, see `endWithReader`, stops then.
 */
export function surviveClosedOutput(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // A reader that has seen enough is no failure.
    if (streaming && error.code === 'EPIPE') process.exit(0)
    if (error.code === 'EIO') terminalGone = true
    if (error.code === 'EPIPE' || error.code === 'EIO') return
    process.exitCode = 1
    process.stderr.write(`kumiki: stdout cannot be written (${error.message})\n`)
  })
  // Nowhere is left to say it.
  process.stderr.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EIO') terminalGone = true
  })
}

/** Ends the process where its terminal was closed: Node would put that terminal in order, and abort since it cannot. */
export function endWithoutTerminal(): void {
  if (!terminalGone) return
  process.removeAllListeners('SIGHUP')
  process.kill(process.pid, 'SIGHUP')
}

/** For verbs whose only work is what they write to stdout: once it is closed, nothing is left to do. */
export function endWithReader(): void {
  streaming = true
}
