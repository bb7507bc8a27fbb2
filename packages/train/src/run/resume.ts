/** Going on with a run: what may be changed, and everything that is not as it was, said. Node only. */
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
import { type RunRecord, shellWord } from './run-record.ts'

/** The verb that goes on with a run. */
export type RunVerb = 'train' | 'finetune'

/**
 * The configuration of a record with changes over it.
 * @throws RunConfigurationError for values that do not fit, or another optimizer: its moments would not be those of the checkpoint
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
      `${what}: the optimizer is ${before.optimizer.kind} and cannot become ${configuration.optimizer.kind}, whose state the checkpoints do not have; its options can be changed, or begin a new run`,
    )
  return configuration
}

/** What a checkpoint says its steps were made with. */
export interface MadeWith {
  readonly configuration: RunConfiguration
  readonly device: string
}

/** Of a checkpoint's `made`, which earlier versions wrote with other names. */
function configurationMade(made: Readonly<Record<string, unknown>> | undefined): RunConfiguration | undefined {
  const json = made?.configuration ?? made?.recipe
  if (typeof json !== 'object' || json === null) return undefined
  const { optimizer, ...rest } = upgradeConfiguration(json as Record<string, unknown>)
  return { ...rest, optimizer: { kind: 'adamw', ...(optimizer as object) } } as RunConfiguration
}

/**
 * Loads the newest sound checkpoint, or that of a step. What is skipped is logged.
 * @returns undefined where there is none yet
 * @throws RunConfigurationError where the run has made more steps than it shall make
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
        `${folder}: ${made} steps were made (run.json), but there is no checkpoint any more; put checkpoints/ back, or begin a new run`,
      )
    log('There is no checkpoint yet; beginning from the first step')
    return undefined
  }
  const at = loaded.snapshot.step
  if (configuration.steps < at)
    throw new RunConfigurationError(
      `--steps ${configuration.steps}: the run has made ${at} steps already; give ${at} or more, or go back to an earlier checkpoint by --resume ${folder}@STEP`,
    )
  const changed = Object.keys(configurationChanges(record.configuration, configuration))
  const unused = changed.filter((field) => field !== 'steps')
  if (configuration.steps === at && unused.length > 0)
    throw new RunConfigurationError(
      `all ${at} steps of the run are made, so ${unused.join(' and ')} would change nothing: give more --steps, or go back to an earlier checkpoint by --resume ${folder}@STEP`,
    )
  log(
    at === configuration.steps
      ? `All ${at} steps are made; only the final evaluation, model and report are redone`
      : `Resuming from step ${at}${passed ? ', the newest sound checkpoint' : ''}`,
  )
  return loaded
}

/** What is not as it was when a checkpoint was made: one line each. */
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
  // A schedule in JSON has its numbers in itself: that there are none beside it any more is no change of its own.
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
        `The learning rate of step ${step + 1} is ${rate(after)} now; it was ${rate(last)} at step ${step}${former.steps > step ? ` and would have been ${rate(before)}` : ', where the schedule ended'}`,
      )
  }
  if (typeof made.device === 'string' && arithmetic(made.device) !== arithmetic(device))
    lines.push(
      `The steps so far were made on ${made.device}, this is ${device}: its results differ in the last bits, so the run is not the one it would have been`,
    )
  return lines
}

const show = (value: unknown) =>
  value === undefined ? 'its default' : typeof value === 'object' ? JSON.stringify(value) : String(value)

const rate = (value: number) => Number(value.toPrecision(3)).toString()

/**
 * What a run that goes on asks of its device. Steps made on the cpu backend without relaxed SIMD are continued without it: every runtime can, with the
 * same bits. The other way round there is no choice, and `resumeRemarks` tells.
 * @example sameArithmetic({ processes: [], device: 'cpu (WebAssembly SIMD, 2 threads)' }) // { relaxedSimd: false }
 */
export function sameArithmetic({ processes, device }: Pick<RunRecord, 'processes' | 'device'>): {
  readonly relaxedSimd?: false
} {
  const last = processes.at(-1)?.device ?? device
  return last?.startsWith('cpu (WebAssembly SIMD') ? { relaxedSimd: false } : {}
}

/** A device without what changes no result. */
function arithmetic(device: string): string {
  return device.replace(/, \d+ threads?/, '')
}

/** Steps that metrics.jsonl should have and has not. */
export function gapRemark(gaps: readonly (readonly [number, number])[]): string | undefined {
  if (gaps.length === 0) return undefined
  const ranges = gaps.slice(0, 5).map(([from, to]) => (from === to ? `${from}` : `${from} to ${to}`))
  return `metrics.jsonl lacks step${gaps.length === 1 && gaps[0][0] === gaps[0][1] ? '' : 's'} ${ranges.join(', ')}${gaps.length > 5 ? ' and more' : ''}: curves have a gap there, the run itself is whole`
}

/**
 * What to do about a loss that went wrong.
 * @param step where the run stands
 * @param steps those of its checkpoints
 * @param since the step at which it went wrong
 * @param verb default train
 */
export function wayBack(
  folder: string,
  step: number,
  { learningRate }: RunConfiguration,
  steps: readonly number[],
  since: number | undefined,
  verb: RunVerb = 'train',
): string {
  const before = since === undefined ? steps : steps.filter((made) => made < since)
  const target = before.length > 0 ? Math.max(...before) : undefined
  // A schedule in JSON has its rates in itself.
  const [smaller, flag] =
    learningRate === undefined
      ? ['smaller rates in its schedule', '--schedule JSON']
      : ['a smaller rate', `--learning-rate ${rate(learningRate / 3)}`]
  const trouble = since !== undefined && since < step ? `The trouble began at step ${since}. ` : ''
  return target === undefined
    ? `${trouble}There is no checkpoint from before it: start a new run with ${smaller} (${flag}) or a longer --warmup`
    : `${trouble}Go back to step ${target} with ${smaller}: kumiki ${verb} --resume ${shellWord(`${folder}@${target}`)} ${flag}`
}
