/** Progress of a training run on stderr: a bar on a terminal, otherwise a line at intervals. */
import type { RunObserver } from '@kumiki/train'
import { SingleBar } from 'cli-progress'

/** The displayed values of a step. */
export interface ProgressReading {
  readonly step: number
  /** Nats per token. */
  readonly loss: number
  readonly tokensPerSecond: number
}

export interface ProgressOptions {
  /** Steps in the run. */
  readonly total: number
  /** Steps completed before a resumed run; default 0. */
  readonly start?: number
  /** Default stderr. */
  readonly stream?: NodeJS.WriteStream
  /** Seconds between lines if the stream is not a terminal; default 10. */
  readonly intervalSeconds?: number
  /** A monotonic clock in milliseconds; default `performance.now`. */
  readonly now?: () => number
}

export interface Progress {
  update(reading: ProgressReading): void
  /** Prints a line above the bar. */
  log(line: string): void
  /** Stops the display, after the last reading. */
  stop(): void
}

/**
 * An observer that displays a run's progress, and a log that prints above it.
 * @param plain the log while no bar is shown
 */
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

/** A monotonic clock: if the system's clock is set back an hour, lines must not stop for an hour. */
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
  let pending: ProgressReading | undefined
  const write = ({ step, loss, tokensPerSecond }: ProgressReading) => {
    const left = step < total ? `, ${timeLeft(now() - began, step - start, total - step)} left` : ''
    stream.write(`step ${step}/${total}, loss ${loss.toFixed(3)}, ${speed(tokensPerSecond)} tokens/s${left}\n`)
    last = now()
    pending = undefined
  }
  return {
    update(reading) {
      if (now() - last >= intervalSeconds * 1000) write(reading)
      else pending = reading
    },
    log(line) {
      stream.write(`${line}\n`)
    },
    stop() {
      if (pending) write(pending)
    },
  }
}

function speed(tokensPerSecond: number): string {
  return Math.round(tokensPerSecond).toLocaleString('en-US')
}

/** Estimated time for the remaining steps, from the mean time of the completed ones. */
export function timeLeft(milliseconds: number, made: number, left: number): string {
  if (made <= 0) return '–'
  const seconds = Math.round((milliseconds / made / 1000) * Math.max(0, left))
  if (seconds < 100) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  return minutes < 100 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
