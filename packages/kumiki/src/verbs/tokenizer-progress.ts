/** Progress of a tokenizer's training on stderr: a bar on a terminal, otherwise one line per phase. */
import type { TrainProgress } from '@kumiki/tokenizer/train'
import { SingleBar } from 'cli-progress'

export interface TrainingProgress {
  /** Starts a stage of the work, with its name. */
  begin(name: string): void
  update(progress: TrainProgress): void
  /** Stops the bar. */
  stop(): void
}

/** Displayed names of the phases. */
const PHASES: Record<TrainProgress['phase'], string> = {
  read: 'reading',
  seed: 'finding candidates',
  estimate: 'estimating and pruning',
  prune: 'estimating and pruning',
  merge: 'merging',
  rescore: 'estimating scores',
  finish: 'done',
}

export function createTrainingProgress(stream: NodeJS.WriteStream = process.stderr): TrainingProgress {
  return stream.isTTY ? bar(stream) : lines(stream)
}

function bar(stream: NodeJS.WriteStream): TrainingProgress {
  let share = trainedShare()
  let name = ''
  const single = new SingleBar({
    stream,
    format: '{bar} {percentage} %  {name}{phase}{detail}',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 24,
    hideCursor: true,
    clearOnComplete: false,
    // Training does not return to the event loop, so the bar must redraw on update.
    synchronousUpdate: true,
    gracefulExit: false,
    fps: 20,
  })
  let running = false
  const stop = () => {
    if (running) single.stop()
    running = false
  }
  const start = () => {
    stop()
    share = trainedShare()
    single.start(100, 0, { name, phase: '', detail: '' })
    running = true
  }
  return {
    begin(next) {
      name = `${next}: `
      start()
    },
    update(progress) {
      if (!running) start()
      const pieces = progress.phase === 'estimate' || progress.phase === 'prune'
      const detail = pieces ? `, ${progress.done.toLocaleString('en-US')} pieces` : ''
      single.update(Math.floor(100 * share(progress)), { name, phase: PHASES[progress.phase], detail })
      if (progress.phase === 'finish') single.render()
    },
    stop,
  }
}

function lines(stream: NodeJS.WriteStream): TrainingProgress {
  const written = new Set<string>()
  return {
    begin(name) {
      written.clear()
      stream.write(`  ${name}\n`)
    },
    update({ phase }) {
      if (written.has(phase)) return
      written.add(phase)
      stream.write(`  ${phase}\n`)
    },
    stop() {},
  }
}

/** The completed share of the work, which never decreases. */
export function trainedShare(): (progress: TrainProgress) => number {
  let first = 0
  let share = 0
  return ({ phase, done, total }) => {
    share = Math.max(share, Math.min(1, estimated(phase, done, total)))
    return share
  }
  function estimated(phase: TrainProgress['phase'], done: number, total: number): number {
    switch (phase) {
      case 'read':
        return (0.15 * done) / Math.max(1, total)
      case 'seed':
        return 0.15 + (0.25 * done) / Math.max(1, total)
      case 'merge':
        return 0.15 + (0.85 * done) / Math.max(1, total)
      case 'rescore':
        return 0.3 + (0.7 * done) / Math.max(1, total)
      case 'finish':
        return 1
      default:
        // Every round keeps a fraction of the pieces, so the number of rounds left is logarithmic.
        first ||= Math.max(done, total + 1)
        return 0.4 + (0.6 * Math.log(first / Math.max(1, done))) / Math.log(first / Math.max(1, total))
    }
  }
}
