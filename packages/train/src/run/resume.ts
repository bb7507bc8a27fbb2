/** Resuming a run: which settings may change, and messages about everything that differs. Node only. */
import { type LoadedCheckpoint, loadNewestCheckpoint } from '../checkpoints/load.ts'
import { upgradeConfiguration } from '../records/former-names.ts'
import {
  changeRunConfiguration,
  checkRunConfiguration,
  configurationChanges,
  ofNamedSchedules,
  type RunConfiguration,
  type RunConfigurationChanges,
  RunConfigurationError,
  type RunKinds,
  scheduleOf,
} from './configuration.ts'
import { type RunRecord, shellQuote } from './run-record.ts'

/** The command that resumes a run. */
export type RunVerb = 'train' | 'finetune'

/**
 * Applies changes to a record's configuration.
 * @throws RunConfigurationError for invalid values, or another optimizer, whose moments the checkpoint does not have
 */
export function changedConfiguration(
  record: RunRecord,
  changes: RunConfigurationChanges,
  kinds: RunKinds = {},
): RunConfiguration {
  const before = record.configuration
  const what = `${record.tuning ? 'finetune' : 'train'} --resume`
  const configuration = checkRunConfiguration(changeRunConfiguration(before, changes), what, kinds)
  if (configuration.optimizer.kind !== before.optimizer.kind)
    throw new RunConfigurationError(
      `${what}: the optimizer cannot change from ${before.optimizer.kind} to ${configuration.optimizer.kind}, because the checkpoints do not have its state; change only its options, or begin a new run`,
    )
  return configuration
}

/** Settings of the steps before a checkpoint, as the checkpoint records them. */
export interface MadeWith {
  readonly configuration: RunConfiguration
  readonly device: string
}

/** The configuration in a checkpoint's `made`, in which earlier versions used other names. */
function configurationMade(made: Readonly<Record<string, unknown>> | undefined): RunConfiguration | undefined {
  const json = made?.configuration ?? made?.recipe
  if (typeof json !== 'object' || json === null) return undefined
  const { optimizer, ...rest } = upgradeConfiguration(json as Record<string, unknown>)
  return { ...rest, optimizer: { kind: 'adamw', ...(optimizer as object) } } as RunConfiguration
}

/**
 * Loads the newest intact checkpoint, or that of a given step. Skipped checkpoints are logged.
 * @returns undefined if there is none yet
 * @throws RunConfigurationError if the checkpoint is beyond the configured steps, or the changes would have no effect
 */
export async function loadCheckpointToResume(
  folder: string,
  record: Pick<RunRecord, 'id' | 'configuration' | 'processes'>,
  configuration: RunConfiguration,
  step: number | undefined,
  log: (line: string) => void,
): Promise<LoadedCheckpoint | undefined> {
  let passed = false
  const loaded = await loadNewestCheckpoint(folder, {
    run: record.id,
    step,
    onFault: (_, fault) => {
      passed = true
      log(`Skipped: ${fault}`)
    },
  })
  if (!loaded) {
    const made = Math.max(0, ...record.processes.map((process) => process.step))
    if (made > 0)
      throw new Error(
        `${folder}: run.json records ${made} steps, but no checkpoint exists; restore checkpoints/, or begin a new run`,
      )
    log('There is no checkpoint yet; starting from the first step')
    return undefined
  }
  const at = loaded.snapshot.step
  if (configuration.steps < at)
    throw new RunConfigurationError(
      `--steps ${configuration.steps}: the run has already made ${at} steps; give ${at} or more, or go back to an earlier checkpoint with --resume ${folder}@STEP`,
    )
  const changed = Object.keys(configurationChanges(record.configuration, configuration))
  const unused = changed.filter((field) => field !== 'steps')
  if (configuration.steps === at && unused.length > 0)
    throw new RunConfigurationError(
      `all ${at} steps of the run are done, so ${unused.join(' and ')} would have no effect; give more --steps, or go back to an earlier checkpoint with --resume ${folder}@STEP`,
    )
  log(
    at === configuration.steps
      ? `All ${at} steps are done; only the final evaluation, model and report are repeated`
      : `Resuming from step ${at}${passed ? ', the newest intact checkpoint' : ''}`,
  )
  return loaded
}

/** Differences from the settings at the checkpoint, one line each. */
export function resumeRemarks(
  made: Readonly<Record<string, unknown>> | undefined,
  configuration: RunConfiguration,
  step: number,
  device: string,
  kinds: RunKinds = {},
): string[] {
  const lines: string[] = []
  const former = configurationMade(made)
  if (!made || !former) return lines
  // A schedule in JSON contains its numbers, so the removal of the separate fields is not reported.
  const within: readonly string[] = typeof configuration.schedule === 'object' ? ofNamedSchedules : []
  for (const [field, [before, after]] of Object.entries(configurationChanges(former, configuration)))
    if (after !== undefined || !within.includes(field))
      lines.push(`${field} was ${show(before)} up to step ${step}, and is ${show(after)} from here on`)
  if (step < configuration.steps) {
    const schedule = scheduleOf(former, kinds)
    const before = former.steps > step ? schedule(step) : schedule(step - 1)
    const after = scheduleOf(configuration, kinds)(step)
    const last = schedule(Math.max(0, step - 1))
    if (rate(after) !== rate(before))
      lines.push(
        `The learning rate of step ${step + 1} is now ${rate(after)}; it was ${rate(last)} at step ${step}${former.steps > step ? ` and would have been ${rate(before)}` : ', where the schedule ended'}`,
      )
  }
  if (typeof made.device === 'string' && arithmetic(made.device) !== arithmetic(device))
    lines.push(
      `Earlier steps ran on ${made.device}, this process uses ${device}: results differ in the last bits, so the run is not bitwise reproducible`,
    )
  return lines
}

const show = (value: unknown) =>
  value === undefined ? 'its default' : typeof value === 'object' ? JSON.stringify(value) : String(value)

const rate = (value: number) => Number(value.toPrecision(3)).toString()

/**
 * Device options that keep a resumed run bitwise reproducible: steps on the cpu backend without relaxed SIMD are
 * continued without it, which every runtime supports. The reverse is not always possible; `resumeRemarks` reports it.
 * @example sameArithmetic({ processes: [], device: 'cpu (WebAssembly SIMD, 2 threads)' }) // { relaxedSimd: false }
 */
export function sameArithmetic({ processes, device }: Pick<RunRecord, 'processes' | 'device'>): {
  readonly relaxedSimd?: false
} {
  const last = processes.at(-1)?.device ?? device
  return last?.startsWith('cpu (WebAssembly SIMD') ? { relaxedSimd: false } : {}
}

/** A device's name without the parts that do not affect results. */
function arithmetic(device: string): string {
  return device.replace(/, \d+ threads?/, '')
}

/** A message about steps missing in metrics.jsonl. */
export function gapRemark(gaps: readonly (readonly [number, number])[]): string | undefined {
  if (gaps.length === 0) return undefined
  const ranges = gaps.slice(0, 5).map(([from, to]) => (from === to ? `${from}` : `${from} to ${to}`))
  return `metrics.jsonl is missing step${gaps.length === 1 && gaps[0][0] === gaps[0][1] ? '' : 's'} ${ranges.join(', ')}${gaps.length > 5 ? ' and more' : ''}; charts have a gap there, but the run itself is complete`
}

/**
 * Advice for a diverged loss.
 * @param step the run's current step
 * @param steps steps of its checkpoints
 * @param since the step at which the loss diverged
 * @param verb default train
 */
export function divergenceAdvice(
  folder: string,
  step: number,
  { learningRate }: RunConfiguration,
  steps: readonly number[],
  since: number | undefined,
  verb: RunVerb = 'train',
): string {
  const before = since === undefined ? steps : steps.filter((made) => made < since)
  const target = before.length > 0 ? Math.max(...before) : undefined
  // A schedule in JSON contains its learning rates.
  const [smaller, flag] =
    learningRate === undefined
      ? ['smaller learning rates in its schedule', '--schedule JSON']
      : ['a smaller learning rate', `--learning-rate ${rate(learningRate / 3)}`]
  const diverged = since !== undefined && since < step ? `The loss diverged at step ${since}. ` : ''
  return target === undefined
    ? `${diverged}There is no earlier checkpoint; start a new run with ${smaller} (${flag}) or a longer --warmup`
    : `${diverged}Go back to step ${target} with ${smaller}: kumiki ${verb} --resume ${shellQuote(`${folder}@${target}`)} ${flag}`
}
