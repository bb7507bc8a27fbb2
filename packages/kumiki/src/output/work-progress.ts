/** Progress of work of a known size: a bar on a terminal, a line now and then elsewhere. Always on stderr. */
import { SingleBar } from 'cli-progress'

export interface WorkProgress {
  /** @param note what stands beside the bar */
  update(done: number, note?: string): void
  stop(): void
}

const interval = 10_000

export function workProgress(total: number, unit: string, stream: NodeJS.WriteStream = process.stderr): WorkProgress {
  const began = Date.now()
  let last = began
  if (!stream.isTTY)
    return {
      update(done, note = '') {
        if (Date.now() - last < interval) return
        last = Date.now()
        stream.write(
          `${((100 * done) / Math.max(1, total)).toFixed(0)} % of ${total.toLocaleString('en-US')} ${unit}${note && `, ${note}`}\n`,
        )
      },
      stop() {},
    }
  let bar: SingleBar | undefined
  return {
    update(done, note = '') {
      // Short work shows none.
      if (Date.now() - began < 500 || Date.now() - last < 100) return
      last = Date.now()
      if (!bar) {
        bar = new SingleBar({
          stream,
          format: '{bar} {percentage} %  {note}',
          barCompleteChar: '█',
          barIncompleteChar: '░',
          barsize: 24,
          hideCursor: true,
          clearOnComplete: true,
          gracefulExit: false,
        })
        bar.start(Math.max(1, total), 0, { note })
      }
      bar.update(done, { note })
    },
    stop() {
      bar?.stop()
    },
  }
}
