/** Progress of a training run: a bar on a terminal, a line now and then elsewhere. Always on stderr. */
import type { RunObserver } from '@kumiki/train'
import { SingleBar } from 'cli-progress'

/** What is shown of a step. */
export interface ProgressReading {
  readonly step: number
  /** Nats per token. */
  readonly loss: number
  readonly tokensPerSecond: number
}

export interface ProgressOptions {
  /** Steps in the run. */
  readonly total: number
  /** Steps made before (a run that goes on); default 0. */
  readonly start?: number
  /** Default stderr. */
  readonly stream?: NodeJS.WriteStream
  /** Seconds between lines where the stream is no terminal; default 10. */
  readonly intervalSeconds?: number
  /** Milliseconds of a clock that nobody sets; default `performance.now`. */
  readonly now?: () => number
}

export interface Progress {
  update(reading: ProgressReading): void
  /** A line that stays, above the bar. */
  log(line: string): void
  /** Ends the bar; the last reading is shown. */
  stop(): void
}

/** The progress of a run, and a log whose lines stay above it. @param plain logs where no bar is drawn */
export function progressObserver(plain: (line: string) => void): RunObserver & { log(line: string): void } {
  let progress: Progress | undefined
  return {
    log: (line) => (progress ? progress.log(line) : plain(line)),
    onStart({ trainer, steps }) {
      progress = createProgress({ total: steps, start: trainer.step })
    },
    onStep: (metrics) => progress?.update(metrics),
    onEnd() {
      progress?.stop()
      progress = undefined
    },
  }
}

/** Not the system's clock: where that is set back an hour, nothing would be said for an hour. */
export const monotonic = (): number => performance.now()

export function createProgress(options: ProgressOptions): Progress {
  const stream = options.stream ?? process.stderr
  return stream.isTTY ? bar(options, stream) : lines(options, stream)
}

function bar({ total, start = 0, now = monotonic }: ProgressOptions, stream: NodeJS.WriteStream): Progress {
  const began = now()
  const single = new SingleBar({
    stream,
    format: '{bar} {value}/{total}  loss {loss}  {speed} tokens/s  {left} left',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 24,
    hideCursor: true,
    clearOnComplete: false,
    // The caller's own handling of Ctrl+C decides when to stop.
    gracefulExit: false,
  })
  single.start(total, start, { loss: '–', speed: '–', left: '–' })
  return {
    update({ step, loss, tokensPerSecond }) {
      single.update(step, {
        loss: loss.toFixed(3),
        speed: speed(tokensPerSecond),
        left: timeLeft(now() - began, step - start, total - step),
      })
    },
    log(line) {
      // The bar is drawn again below the line at its next update.
      stream.write(`\r\u001b[K${line}\n`)
      single.render()
    },
    stop() {
      single.stop()
    },
  }
}

function lines(
  { total, start = 0, intervalSeconds = 10, now = monotonic }: ProgressOptions,
  stream: NodeJS.WriteStream,
): Progress {
  const began = now()
  let last = began
  let unsaid: ProgressReading | undefined
  const say = ({ step, loss, tokensPerSecond }: ProgressReading) => {
    const left = step < total ? `, ${timeLeft(now() - began, step - start, total - step)} left` : ''
    stream.write(`step ${step}/${total}, loss ${loss.toFixed(3)}, ${speed(tokensPerSecond)} tokens/s${left}\n`)
    last = now()
    unsaid = undefined
  }
  return {
    update(reading) {
      if (now() - last >= intervalSeconds * 1000) say(reading)
      else unsaid = reading
    },
    log(line) {
      stream.write(`${line}\n`)
    },
    stop() {
      if (unsaid) say(unsaid)
    },
  }
}

function speed(tokensPerSecond: number): string {
  return Math.round(tokensPerSecond).toLocaleString('en-US')
}

/** Time for the steps left at the pace of those made. */
export function timeLeft(milliseconds: number, made: number, left: number): string {
  if (made <= 0) return '–'
  const seconds = Math.round((milliseconds / made / 1000) * Math.max(0, left))
  if (seconds < 100) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  return minutes < 100 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
