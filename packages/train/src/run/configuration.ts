/** How a run trains, as the plain JSON that stands in run.json: and the optimizer and schedule it makes. */
import {
  averageWeights,
  chain,
  clipGlobalNorm,
  type Optimizer,
  type OptimizerBuilder,
  type OptimizerDescription,
  optimizerFromJSON,
  optimizerKinds,
  type Schedule,
  type ScheduleBuilder,
  type ScheduleDescription,
  scheduleFromJSON,
  scheduleKinds,
} from '@kumiki/optim'
import { findPrecision, type PrecisionPolicy } from '../precision.ts'

/** Every number is per run. */
export interface RunConfiguration {
  readonly steps: number
  /** Sequences in a batch. */
  readonly batchSize: number
  /** Parts of a batch worked on one after another. */
  readonly accumulation: number
  /** Tokens in a sequence. */
  readonly sequenceLength: number
  /** By name, made of the four numbers below; or any schedule as JSON that `scheduleFromJSON` reads, which has its own numbers. */
  readonly schedule: ScheduleName | ScheduleDescription
  /** The peak. */
  readonly learningRate?: number
  /** Where the schedule ends, as a part of learningRate. */
  readonly minLearningRateRatio?: number
  readonly warmupSteps?: number
  /** Part of the steps in which a wsd schedule decays. */
  readonly decayFraction?: number
  /** Any optimizer as JSON that `optimizerFromJSON` reads. */
  readonly optimizer: OptimizerDescription
  /** Largest global norm of the gradient. */
  readonly maxGradNorm: number
  readonly zLoss: number
  /** Coefficient of the load-balancing loss of a mixture of experts. Default: the model's. */
  readonly auxiliaryLoss?: number
  /** Coefficient of its router's z-loss. Default: the model's. */
  readonly routerZLoss?: number
  readonly precision: string
  readonly seed: number
  /** Pieces of the tokenizer that is trained on the text. */
  readonly vocabSize: number
  /** How much of the moving average of the weights is kept in a step; the average is what is evaluated and exported. Default: no average. */
  readonly averageDecay?: number
}

/** Kinds of schedules and optimizers of one's own, besides those of @kumiki/optim. */
export interface RunKinds {
  readonly schedules?: Readonly<Record<string, ScheduleBuilder>>
  readonly optimizers?: Readonly<Record<string, OptimizerBuilder>>
}

/** A configuration cannot be, or cannot be changed so. */
export class RunConfigurationError extends RangeError {
  override name = 'RunConfigurationError'
}

/** The numbers that a schedule by name is made of. */
export const ofNamedSchedules = ['learningRate', 'minLearningRateRatio', 'warmupSteps', 'decayFraction'] as const
type ScheduleNumbers = Readonly<Record<(typeof ofNamedSchedules)[number], number>> & { readonly steps: number }

const afterWarmup = (schedule: ScheduleDescription, steps: number): ScheduleDescription =>
  steps > 0 ? { kind: 'warmup', schedule, steps } : schedule

const falling =
  (kind: 'cosine' | 'linear') =>
  ({ learningRate: from, minLearningRateRatio, steps, warmupSteps }: ScheduleNumbers): ScheduleDescription =>
    afterWarmup({ kind, from, to: from * minLearningRateRatio, steps: Math.max(1, steps - warmupSteps) }, warmupSteps)

const constant = ({ learningRate, warmupSteps }: ScheduleNumbers) =>
  afterWarmup({ kind: 'constant', value: learningRate }, warmupSteps)

/** Schedules by name: what each is as JSON. */
const namedSchedules = {
  constant,
  cosine: falling('cosine'),
  inverseSqrt: ({ learningRate: peak, minLearningRateRatio, warmupSteps }: ScheduleNumbers): ScheduleDescription => ({
    kind: 'inverseSqrt',
    peak,
    final: peak * minLearningRateRatio,
    warmupSteps: Math.max(1, warmupSteps),
  }),
  linear: falling('linear'),
  wsd(numbers: ScheduleNumbers): ScheduleDescription {
    const { learningRate: peak, minLearningRateRatio, steps, warmupSteps } = numbers
    const decaySteps = Math.min(steps - warmupSteps, Math.round(steps * numbers.decayFraction))
    if (decaySteps <= 0) return constant(numbers)
    return { kind: 'wsd', peak, final: peak * minLearningRateRatio, warmupSteps, steps, decaySteps }
  },
}

export type ScheduleName = keyof typeof namedSchedules

/** Names that a configuration's `schedule` may have. */
export const scheduleNames = Object.keys(namedSchedules) as readonly ScheduleName[]

const isNamed = (schedule: unknown): schedule is ScheduleName =>
  typeof schedule === 'string' && Object.hasOwn(namedSchedules, schedule)

/** [lowest, highest] of every numeric field; integers where the lowest is one. */
const bounds = {
  steps: [1, 1e9, 'integer'],
  batchSize: [1, 1 << 20, 'integer'],
  accumulation: [1, 1 << 20, 'integer'],
  sequenceLength: [1, 1 << 24, 'integer'],
  learningRate: [0, 100, 'number'],
  minLearningRateRatio: [0, 1, 'number'],
  warmupSteps: [0, 1e9, 'integer'],
  decayFraction: [0, 1, 'number'],
  maxGradNorm: [1e-9, 1e9, 'number'],
  zLoss: [0, 1, 'number'],
  auxiliaryLoss: [0, 100, 'number'],
  routerZLoss: [0, 100, 'number'],
  seed: [0, 2 ** 32 - 1, 'integer'],
  vocabSize: [260, 1 << 24, 'integer'],
  averageDecay: [0, 1 - 1e-9, 'number'],
} as const

/** Fields that may be left out. */
const optional = ['auxiliaryLoss', 'routerZLoss', 'averageDecay'] as const

/** Every field of a configuration. */
export const runConfigurationFields = [...Object.keys(bounds), 'schedule', 'optimizer', 'precision'] as const

/**
 * @param where what an error calls the configuration: a file or command
 * @param kinds of one's own that it may name
 * @throws RunConfigurationError naming the field, what was given and what is allowed
 * @example checkRunConfiguration(configuration, 'my file').steps // 3
 */
export function checkRunConfiguration(
  configuration: RunConfiguration,
  where: string,
  kinds: RunKinds = {},
): RunConfiguration {
  const fail = (text: string) => new RunConfigurationError(`${where}: ${text}`)
  const named = isNamed(configuration.schedule)
  for (const [key, [low, high, kind]] of Object.entries(bounds)) {
    const value = configuration[key as keyof typeof bounds]
    if (value === undefined && (optional as readonly string[]).includes(key)) continue
    if (!named && (ofNamedSchedules as readonly string[]).includes(key)) {
      if (value === undefined) continue
      throw fail(`${key} goes with a schedule by name (${scheduleNames.join(', ')}); one in JSON has its own numbers`)
    }
    if (
      typeof value !== 'number' ||
      !(value >= low && value <= high) ||
      (kind === 'integer' && !Number.isInteger(value))
    ) {
      throw fail(
        `${key} must be ${kind === 'integer' ? 'an integer' : 'a number'} from ${low} to ${high}, got ${JSON.stringify(value)}`,
      )
    }
  }
  const { schedule, batchSize, accumulation } = configuration
  if (!named && typeof schedule !== 'object')
    throw fail(
      `schedule must be ${scheduleNames.join(', ')}, or JSON of any kind (${Object.keys({ ...scheduleKinds, ...kinds.schedules }).join(', ')}), such as {"kind":"exponential","from":0.003,"rate":0.999}; got ${JSON.stringify(schedule)}`,
    )
  if (batchSize % accumulation !== 0) throw fail(`accumulation ${accumulation} does not divide batchSize ${batchSize}`)
  const parts = {
    schedule: () => scheduleOf(configuration, kinds),
    optimizer: () => optimizerFromJSON(configuration.optimizer, kinds.optimizers),
    precision: () => findPrecision(configuration.precision),
  }
  for (const [part, make] of Object.entries(parts)) {
    try {
      make()
    } catch (error) {
      throw fail(part === 'precision' ? (error as Error).message : `${part}: ${(error as Error).message}`)
    }
  }
  return configuration
}

/** The learning rate by update, as JSON. */
export function scheduleDescriptionOf(configuration: RunConfiguration): ScheduleDescription {
  const { schedule } = configuration
  return isNamed(schedule) ? namedSchedules[schedule](configuration as ScheduleNumbers) : schedule
}

/** The learning rate by update. */
export function scheduleOf(configuration: RunConfiguration, kinds: RunKinds = {}): Schedule {
  return scheduleFromJSON(scheduleDescriptionOf(configuration), kinds.schedules)
}

/**
 * What a configuration says of a run: its part of `RunOptions`.
 * @example runOptionsOf(configuration).schedule(0) // 0.001
 */
export function runOptionsOf(
  configuration: RunConfiguration,
  kinds: RunKinds = {},
): {
  readonly steps: number
  readonly optimizer: Optimizer
  readonly schedule: Schedule
  readonly precision: PrecisionPolicy
  readonly accumulation: number
  readonly zLoss: number
  readonly seed: number
} {
  const { steps, maxGradNorm, precision, accumulation, zLoss, seed, averageDecay: decay } = configuration
  const optimizer = optimizerFromJSON(configuration.optimizer, kinds.optimizers)
  return {
    steps,
    optimizer: chain(
      clipGlobalNorm(maxGradNorm),
      decay === undefined ? optimizer : averageWeights(optimizer, { decay }),
    ),
    schedule: scheduleOf(configuration, kinds),
    precision: findPrecision(precision),
    accumulation,
    zLoss,
    seed,
  }
}

/** Changes to a configuration: an optimizer by its kind alone, as JSON, or (without a kind) options over those it has. */
export type RunConfigurationChanges = Partial<Omit<RunConfiguration, 'optimizer' | 'schedule'>> & {
  readonly schedule?: string | ScheduleDescription
  readonly optimizer?: string | Partial<OptimizerDescription>
}

/**
 * A configuration with changes over it; `undefined` changes nothing. A schedule in JSON replaces the numbers of one by name. Not checked: see
 * `checkRunConfiguration`.
 */
export function changeRunConfiguration(base: RunConfiguration, changes: RunConfigurationChanges): RunConfiguration {
  const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined))
  const { optimizer, ...rest } = given as RunConfigurationChanges
  const changed: Record<string, unknown> = { ...base, ...rest }
  if (rest.schedule !== undefined && !isNamed(rest.schedule))
    for (const field of ofNamedSchedules) if (!(field in rest)) delete changed[field]
  if (typeof optimizer === 'string') {
    changed.optimizer = optimizer === base.optimizer.kind ? base.optimizer : defaultOptimizer(optimizer)
  } else if (optimizer !== undefined) {
    changed.optimizer = optimizer.kind === undefined ? { ...base.optimizer, ...optimizer } : optimizer
  }
  return changed as unknown as RunConfiguration
}

/** An optimizer by its name alone. Muon is for the matrices of hidden layers; tables and vectors take AdamW's steps, as large as its own. */
function defaultOptimizer(kind: string): OptimizerDescription {
  if (kind !== 'muon' || !Object.hasOwn(optimizerKinds, kind)) return { kind }
  return {
    kind: 'parameterGroups',
    groups: [
      {
        name: 'hidden',
        match: { dimensions: 2, excludes: ['embed', 'lm_head'] },
        optimizer: { kind, scaling: 'match_rms_adamw' },
      },
      { name: 'rest', optimizer: { kind: 'adamw', beta1: 0.9, beta2: 0.95, weightDecay: 0.1 } },
    ],
  }
}

const text = (value: unknown) => JSON.stringify(value)
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The fields in which two configurations differ: old and new. Options of one optimizer are named apart (`optimizer.epsilon`). */
export function configurationChanges(
  before: Partial<RunConfiguration>,
  after: RunConfiguration,
): Record<string, [unknown, unknown]> {
  const changes: Record<string, [unknown, unknown]> = {}
  const compare = (path: string, old: unknown, now: unknown): void => {
    if (text(old) === text(now)) return
    if (isObject(old) && isObject(now) && old.kind === now.kind && path.split('.').length < 3)
      for (const key of new Set([...Object.keys(old), ...Object.keys(now)]))
        compare(`${path}.${key}`, old[key], now[key])
    else changes[path] = [old, now]
  }
  const fields = new Set([...Object.keys(before), ...Object.keys(after)]) as Set<keyof RunConfiguration>
  for (const key of fields) compare(key, before[key], after[key])
  return changes
}
