/** The configuration of a run as plain JSON (stored in run.json), and the optimizer and schedule built from it. */
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

/** Hyperparameters of a run. */
export interface RunConfiguration {
  readonly steps: number
  /** Sequences per batch. */
  readonly batchSize: number
  /** Micro-batches per batch (gradient accumulation); must divide batchSize. */
  readonly accumulation: number
  /** Tokens per sequence. */
  readonly sequenceLength: number
  /**
   * A schedule name, which uses the four numbers below, or any schedule as JSON for `scheduleFromJSON`, which has its
   * own numbers.
   */
  readonly schedule: ScheduleName | ScheduleDescription
  /** Peak learning rate. */
  readonly learningRate?: number
  /** Final learning rate as a fraction of learningRate. */
  readonly minLearningRateRatio?: number
  readonly warmupSteps?: number
  /** Fraction of the steps in which a wsd schedule decays. */
  readonly decayFraction?: number
  /** The optimizer as JSON for `optimizerFromJSON`. */
  readonly optimizer: OptimizerDescription
  /** Global gradient norm above which gradients are clipped. */
  readonly maxGradNorm: number
  readonly zLoss: number
  /** Coefficient of the load-balancing loss of a mixture of experts. Default: the model's. */
  readonly auxiliaryLoss?: number
  /** Coefficient of its router's z-loss. Default: the model's. */
  readonly routerZLoss?: number
  readonly precision: string
  readonly seed: number
  /** Vocabulary size of the tokenizer that is trained on the text. */
  readonly vocabSize: number
  /**
   * Decay per step of the exponential moving average (EMA) of the weights; the average is evaluated and exported.
   * Default: no average.
   */
  readonly averageDecay?: number
}

/** Custom schedules and optimizers by kind, in addition to those of @kumiki/optim. */
export interface RunKinds {
  readonly schedules?: Readonly<Record<string, ScheduleBuilder>>
  readonly optimizers?: Readonly<Record<string, OptimizerBuilder>>
}

/** An invalid configuration, or an invalid change of one. */
export class RunConfigurationError extends RangeError {
  override name = 'RunConfigurationError'
}

/** Fields that named schedules are built from. */
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

/** Named schedules: the JSON description of each. */
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

/** Names that `schedule` may have. */
export const scheduleNames = Object.keys(namedSchedules) as readonly ScheduleName[]

const isNamed = (schedule: unknown): schedule is ScheduleName =>
  typeof schedule === 'string' && Object.hasOwn(namedSchedules, schedule)

/** [minimum, maximum, type] of every numeric field. */
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
 * Validates a configuration.
 * @param where the configuration's name in errors: a file or command
 * @param kinds custom schedules and optimizers that it may use
 * @throws RunConfigurationError naming the field, what was given and what is allowed
 * @example checkRunConfiguration(configuration, 'my file').steps // 3
 */
export function checkRunConfiguration(
  configuration: RunConfiguration,
  where: string,
  kinds: RunKinds = {},
): RunConfiguration {
  const fail = (text: string, options?: ErrorOptions) => new RunConfigurationError(`${where}: ${text}`, options)
  const named = isNamed(configuration.schedule)
  for (const [key, [low, high, kind]] of Object.entries(bounds)) {
    const value = configuration[key as keyof typeof bounds]
    if (value === undefined && (optional as readonly string[]).includes(key)) continue
    if (!named && (ofNamedSchedules as readonly string[]).includes(key)) {
      if (value === undefined) continue
      throw fail(
        `${key} applies only to schedules by name (${scheduleNames.join(', ')}); remove it, because a schedule in JSON has its own numbers`,
      )
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
  if (!named && typeof schedule !== 'object') {
    const error = fail(
      `schedule must be ${scheduleNames.join(', ')}, or JSON of any kind (${Object.keys({ ...scheduleKinds, ...kinds.schedules }).join(', ')}), such as {"kind":"exponential","from":0.003,"rate":0.999}; got ${JSON.stringify(schedule)}`,
    )
    throw Object.assign(error, { given: String(schedule), known: scheduleNames })
  }
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
      const { message } = error as Error
      throw fail(part === 'precision' ? message : `${part}: ${message}`, { cause: error })
    }
  }
  return configuration
}

/** The learning rate schedule as JSON. */
export function scheduleDescriptionOf(configuration: RunConfiguration): ScheduleDescription {
  const { schedule } = configuration
  return isNamed(schedule) ? namedSchedules[schedule](configuration as ScheduleNumbers) : schedule
}

/** The learning rate by step. */
export function scheduleOf(configuration: RunConfiguration, kinds: RunKinds = {}): Schedule {
  return scheduleFromJSON(scheduleDescriptionOf(configuration), kinds.schedules)
}

/**
 * The part of `RunOptions` that a configuration defines.
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

/**
 * Changes to a configuration: `optimizer` is a kind, JSON with a kind, or options without a kind, which are merged into
 * the current ones.
 */
export type RunConfigurationChanges = Partial<Omit<RunConfiguration, 'optimizer' | 'schedule'>> & {
  readonly schedule?: string | ScheduleDescription
  readonly optimizer?: string | Partial<OptimizerDescription>
}

/**
 * Applies changes to a configuration; `undefined` changes nothing. A schedule in JSON replaces the numbers of a named
 * one. The result is not checked; see `checkRunConfiguration`.
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

/**
 * The optimizer of a kind without options. Muon updates the matrices of hidden layers; embeddings and vectors use
 * AdamW, with updates of matching RMS.
 */
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

/**
 * The fields in which two configurations differ: old and new. Options of the same optimizer are listed individually
 * (`optimizer.epsilon`).
 */
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
