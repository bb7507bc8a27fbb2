/** Progress of work of a known size: a bar on a terminal, a line now and then elsewhere. Always on stderr. */
import { SingleBar } from 'cli-progress'
import { monotonic, timeLeft } from './progress.ts'

export interface WorkProgress {
  /** @param note what stands beside the bar */
  update(done: number, note?: string): void
  /** A line that stays, above the bar. */
  log(line: string): void
  stop(): void
}

/** Milliseconds between lines, between drawings of a bar, and before the first of either bar. */
const [interval, redraw, patience] = [10_000, 100, 500]

/**
 * @param total in `unit`; bytes are shown in MB, a total of 1 as a share alone
 * @param stream where it is shown
 * @param now milliseconds
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
      // Short work shows none.
      if (now() - began < patience || now() - last < redraw) return
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
          // Work that does not return to the event loop is drawn when it tells of itself.
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
