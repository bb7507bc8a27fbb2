/** Flags that cannot be combined with `--resume`, `--branch` or `--from`. */
import { UsageError } from '../usage-error.ts'

/** Flags that cannot be combined with `--resume`, by their option names. */
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

/** @throws UsageError naming a flag that cannot be combined with `--resume` */
export function refuseFixedFlags(given: Readonly<Record<string, unknown>>): void {
  refuse(
    fixedFlags,
    given,
    (flag) =>
      `${flag} cannot be changed with --resume: it is fixed in run.json. These can be changed: ${changeable}. For anything else start a new run`,
  )
}

/**
 * Flags that cannot be combined with `--from`: the model and its tokenizer come from the other run.
 */
const ofTheOrigin: Readonly<Record<string, string>> = {
  preset: '--preset',
  config: '--config',
  vocabSize: '--vocab-size',
  tokenizer: '--tokenizer',
}

/** Flags that cannot be combined with `--branch`: a branch shares these settings with its parent run. */
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

/** @throws UsageError naming a flag that cannot be combined with `--branch` or `--from` */
export function refuseOriginFlags(kind: 'branch' | 'from', given: Readonly<Record<string, unknown>>): void {
  refuse(kind === 'branch' ? ofTheBranch : ofTheOrigin, given, (flag) =>
    kind === 'branch'
      ? `${flag} cannot be combined with --branch: a branch continues its parent run with a decaying learning rate (--decay, --decay-to). To change more, resume the branch with kumiki train --resume`
      : `${flag} cannot be combined with --from: model and tokenizer come from that run`,
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
