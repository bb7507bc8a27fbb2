/** Progress of work of known size on stderr: a bar on a terminal, otherwise a line at intervals. */
import { SingleBar } from 'cli-progress'
import { monotonic, timeLeft } from './progress.ts'

export interface WorkProgress {
  /** @param note text beside the bar */
  update(done: number, note?: string): void
  /** Prints a line above the bar. */
  log(line: string): void
  stop(): void
}

/** Milliseconds between lines, between redraws of a bar, and before a bar first appears. */
const [interval, redraw, barDelay] = [10_000, 100, 500]

/**
 * @param total in `unit`; bytes are shown in MB; with a total of 1, only the percentage is shown
 * @param stream the output
 * @param now a monotonic clock in milliseconds
 */
export function workProgress(
  total: number,
  unit: string,
  stream: NodeJS.WriteStream = process.stderr,
  now: () => number = monotonic,
): WorkProgress {
  const began = now()
  let last = began
  const whole = Math.max(1, total)
  if (!stream.isTTY)
    return {
      update(done, note = '') {
        if (now() - last < interval) return
        last = now()
        stream.write(`${Math.floor((100 * done) / whole)} %${sizeOf(total, unit)}${note && `, ${note}`}\n`)
      },
      log: (line) => void stream.write(`${line}\n`),
      stop() {},
    }
  let bar: SingleBar | undefined
  let latest: [number, string] | undefined
  return {
    update(done, note = '') {
      latest = [done, note]
      // Short work shows no bar.
      if (now() - began < barDelay || now() - last < redraw) return
      last = now()
      if (!bar) {
        bar = new SingleBar({
          stream,
          format: '{bar} {percentage} %  {note}  {left} left',
          barCompleteChar: '█',
          barIncompleteChar: '░',
          barsize: 24,
          hideCursor: true,
          clearOnComplete: true,
          gracefulExit: false,
          // Work that does not return to the event loop still redraws the bar on update.
          synchronousUpdate: true,
          noTTYOutput: false,
          linewrap: false,
        })
        bar.start(whole, 0, { note, left: '–' })
      }
      bar.update(done, { note, left: timeLeft(now() - began, done, whole - done) })
    },
    log(line) {
      if (!bar) return void stream.write(`${line}\n`)
      // The bar is drawn again below the line.
      stream.write(`\r\u001b[K${line}\n`)
      if (latest) bar.update(latest[0], { note: latest[1] })
    },
    stop() {
      bar?.stop()
    },
  }
}

function sizeOf(total: number, unit: string): string {
  if (total === 1) return ''
  return ` of ${unit === 'bytes' && total >= 1e6 ? `${Math.round(total / 1e6).toLocaleString('en-US')} MB` : `${total.toLocaleString('en-US')} ${unit}`}`
}
