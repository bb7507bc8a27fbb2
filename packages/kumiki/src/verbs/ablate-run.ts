/** `kumiki ablate run`: trains the runs of a study, one process each, skipping finished ones. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { StopSignal } from '@kumiki/train/node'
import type { Command } from 'commander'
import { exists, readBytes, writeWhole } from '../files/files.ts'
import { choice, integer } from '../flags/flag-values.ts'
import { count, textTable } from '../output/text-table.ts'
import { workProgress } from '../output/work-progress.ts'
import { openStudy, type StudyRun } from '../study/study.ts'
import { addVerb, answer, oneLine } from '../verb.ts'

interface RunFlags {
  jobs: number
  device: string
  threads?: number
  plugin?: string
  json?: boolean
}

/** The result of one run. */
interface Outcome {
  readonly id: string
  readonly state: 'finished' | 'was finished' | 'failed' | 'not begun'
  readonly folder: string
  readonly seconds?: number
  readonly error?: string
}

export function addRun(group: Command): void {
  addVerb(
    group,
    'run',
    'Train the runs of ablate design --study: resumes interrupted runs, skips finished ones.',
    (c) =>
      c
        .argument('<folder>', 'study folder written by ablate design')
        .option('--jobs <n>', 'training runs at a time', integer(1, 64), 1)
        .addOption(
          choice(
            '--device <kind>',
            'auto: a hardware GPU if there is one, else cpu',
            ['auto', 'webgpu', 'cpu'],
            'auto',
          ),
        )
        .option('--threads <n>', 'threads of the cpu device, per training run', integer(1, 256))
        .option('--plugin <module>', 'as of train'),
    run,
  )
}

async function run(options: RunFlags, path: string): Promise<void> {
  const study = await openStudy(path)
  const children = new Set<{ kill(signal: NodeJS.Signals): boolean }>()
  let stopped: StopSignal | undefined
  const onSignal = (signal: StopSignal) => {
    stopped ??= signal
    for (const child of children) child.kill(signal)
  }
  const signals: readonly StopSignal[] = ['SIGINT', 'SIGTERM', 'SIGHUP']
  for (const signal of signals) process.on(signal, onSignal as NodeJS.SignalsListener)
  const outcomes = new Map<string, Outcome>()
  const waiting = [...study.runs]
  let begun = 0
  const progress = workProgress(study.runs.length, 'runs')
  /** Completed share of each run, from the progress lines of running ones. */
  const shares = new Map<string, number>()
  const show = (id: string, share: number, note = '') => {
    shares.set(id, share)
    const done = [...shares.values()].reduce((sum, one) => sum + one, 0)
    progress.update(done, `${Math.floor(done)} of ${study.runs.length} runs, ${id}${note}`)
  }
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined && !stopped; next = waiting.shift()) {
      const number = ++begun
      show(next.id, 0)
      const outcome = await train(next, path, options, children, (step, steps) =>
        show(next.id, Math.min(0.999, step / Math.max(1, steps)), ` at step ${count(step)} of ${count(steps)}`),
      )
      outcomes.set(next.id, outcome)
      show(next.id, 1)
      progress.log(
        `${number}/${study.runs.length} ${next.id}: ${outcome.state}${outcome.seconds === undefined ? '' : ` after ${outcome.seconds.toFixed(0)} s`}${outcome.error ? `: ${outcome.error}` : ''}`,
      )
    }
  }
  try {
    await Promise.all(Array.from({ length: options.jobs }, work))
  } finally {
    progress.stop()
    for (const signal of signals) process.off(signal, onSignal as NodeJS.SignalsListener)
  }
  const all = study.runs.map(
    ({ id, folder }): Outcome => outcomes.get(id) ?? { id, state: 'not begun', folder: join(path, folder) },
  )
  if (stopped) {
    const { exitCodeOf } = await import('@kumiki/train/node')
    const left = all.filter(({ state }) => state === 'failed' || state === 'not begun').length
    throw Object.assign(
      new Error(`stopped by ${stopped}, ${left} of ${all.length} runs are left; the same command resumes them`),
      {
        exitCode: exitCodeOf(stopped),
      },
    )
  }
  const failed = all.filter(({ state }) => state === 'failed')
  answer(options, { study: study.name, runs: all, failed: failed.length }, () =>
    textTable(
      ['run', 'state', 'folder'],
      all.map(({ id, state, folder }) => [id, state, folder]),
    ),
  )
  if (failed.length > 0)
    throw new Error(
      `${failed.length} of ${all.length} runs failed: ${failed.map(({ id, error }) => `${id} (${error})`).join('; ')}`,
    )
}

/** Trains one run in a child process; its stderr is saved beside the run folder. */
async function train(
  { id, config, folder }: StudyRun,
  path: string,
  { device, threads, plugin }: RunFlags,
  children: Set<{ kill(signal: NodeJS.Signals): boolean }>,
  onStep: (step: number, steps: number) => void,
): Promise<Outcome> {
  const { readdir } = await import('node:fs/promises')
  const { spawn } = await import('node:child_process')
  const [file, out] = [join(path, config), join(path, folder)]
  const mark = `${out}.sha256`
  const hash = await readBytes(file)
    .then((bytes) => createHash('sha256').update(bytes).digest('hex'))
    .catch((error: Error) => error)
  if (hash instanceof Error) return { id, state: 'failed', folder: out, error: hash.message }
  const before = (await exists(mark)) ? new TextDecoder().decode(await readBytes(mark)).trim() : undefined
  const begun = await exists(join(out, 'run.json'))
  if (begun && before !== undefined && before !== hash)
    return {
      id,
      state: 'failed',
      folder: out,
      error: `${file} is not the configuration that ${out} was started with; remove that folder to train again`,
    }
  if (await exists(join(out, 'summary.json'))) return { id, state: 'was finished', folder: out }
  await writeWhole(mark, `${hash}\n`)
  const kept = await readdir(join(out, 'checkpoints')).catch(() => [])
  const words = [
    ...(begun && kept.length > 0 ? ['--resume', out] : ['--config', file, '--out', out, '--overwrite']),
    ...['--device', device],
    ...(threads === undefined ? [] : ['--threads', String(threads)]),
    ...(plugin === undefined ? [] : ['--plugin', plugin]),
    '--json',
  ]
  const began = performance.now()
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1], 'train', ...words], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  children.add(child)
  let stderr = ''
  const fault = await new Promise<string | undefined>((resolve) => {
    child.stderr.on('data', (chunk) => {
      stderr = (stderr + chunk).slice(-(2 ** 20))
      const [, step, steps] =
        /^step (\d+)\/(\d+)/.exec(stderr.slice(stderr.lastIndexOf('\n', stderr.length - 2) + 1)) ?? []
      if (steps !== undefined) onStep(Number(step), Number(steps))
    })
    child.on('error', (error) => resolve(error.message))
    child.on('close', (code, signal) =>
      resolve(
        code === 0
          ? undefined
          : oneLine(stderr.split('\n').findLast((line) => line.startsWith('kumiki train: ')) ?? '').replace(
              /^kumiki train: /,
              '',
            ) || (signal ? `killed by ${signal}` : `exited with code ${code}; see ${out}.log`),
      ),
    )
  })
  children.delete(child)
  await writeWhole(`${out}.log`, stderr)
  const seconds = (performance.now() - began) / 1000
  return fault === undefined
    ? { id, state: 'finished', folder: out, seconds }
    : { id, state: 'failed', folder: out, seconds, error: fault }
}
