/** Flags that `kumiki train --resume` does not take. */
import { UsageError } from '../usage-error.ts'

/** Flags of a new run that a resumed one cannot take, by their names in the options. */
const fixedFlags: Readonly<Record<string, string>> = {
  preset: '--preset',
  config: '--config',
  data: '--data',
  dataPath: '--data-path',
  tokenizer: '--tokenizer',
  order: '--order',
  split: '--split',
  sequenceLength: '--sequence-length',
  vocabSize: '--vocab-size',
  seed: '--seed',
  out: '--out',
  overwrite: '--overwrite',
}

const changeable =
  '--steps, --learning-rate, --schedule, --optimizer (its options), --warmup, --batch-size, --accumulation, --precision, --average-decay, --device, --threads, --keep, --keep-every, --checkpoint-every, --checkpoint-minutes, --evaluate-every, --sample, --early-stop, --max-minutes, --max-tokens, --on-nan and --on-full-disk'

/** @throws UsageError naming a flag that a resumed run cannot take */
export function refuseFixedFlags(given: Readonly<Record<string, unknown>>): void {
  refuse(
    fixedFlags,
    given,
    (flag) =>
      `${flag} cannot be changed with --resume: the run goes on as run.json says. What can be changed: ${changeable}. For anything else begin a new run`,
  )
}

/** Flags of a new run that one from another run's checkpoint cannot take: the model and its tokenizer are that run's. */
const ofTheOrigin: Readonly<Record<string, string>> = {
  preset: '--preset',
  config: '--config',
  vocabSize: '--vocab-size',
  tokenizer: '--tokenizer',
}

/** What a branch shares with the run it leaves. */
const ofTheBranch: Readonly<Record<string, string>> = {
  ...ofTheOrigin,
  data: '--data',
  dataPath: '--data-path',
  order: '--order',
  split: '--split',
  steps: '--steps',
  batchSize: '--batch-size',
  sequenceLength: '--sequence-length',
  learningRate: '--learning-rate',
  optimizer: '--optimizer',
  schedule: '--schedule',
  warmupSteps: '--warmup',
  seed: '--seed',
  precision: '--precision',
  averageDecay: '--average-decay',
  accumulation: '--accumulation',
}

/** @throws UsageError naming a flag that a run from a checkpoint cannot take */
export function refuseOriginFlags(kind: 'branch' | 'from', given: Readonly<Record<string, unknown>>): void {
  refuse(kind === 'branch' ? ofTheBranch : ofTheOrigin, given, (flag) =>
    kind === 'branch'
      ? `${flag} does not go with --branch: a branch is the run it leaves with a rate that falls (--decay, --decay-to). After it was made, kumiki train --resume takes changes`
      : `${flag} does not go with --from: model and tokenizer are those of that run`,
  )
}

function refuse(
  flags: Readonly<Record<string, string>>,
  given: Readonly<Record<string, unknown>>,
  message: (flag: string) => string,
): void {
  for (const [option, flag] of Object.entries(flags)) {
    const value = given[option]
    if (value === undefined || value === false || (Array.isArray(value) && value.length === 0)) continue
    throw new UsageError(message(flag))
  }
}
