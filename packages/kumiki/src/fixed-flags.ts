/** Flags that `kumiki train --resume` does not take. */
import { UsageError } from './usage-error.ts'

/** Flags of a new run that a resumed one cannot take, by their names in the options. */
const fixedFlags: Readonly<Record<string, string>> = {
  preset: '--preset',
  config: '--config',
  data: '--data',
  sequenceLength: '--sequence-length',
  vocabSize: '--vocab-size',
  precision: '--precision',
  seed: '--seed',
  out: '--out',
  overwrite: '--overwrite',
}

const changeable =
  '--steps, --learning-rate, --schedule, --optimizer (its options), --warmup, --batch-size, --accumulation, --device, --threads, --keep, --checkpoint-every and --checkpoint-minutes'

/** @throws UsageError naming a flag that a resumed run cannot take */
export function refuseFixedFlags(given: Readonly<Record<string, unknown>>): void {
  for (const [option, flag] of Object.entries(fixedFlags)) {
    const value = given[option]
    if (value === undefined || value === false || (Array.isArray(value) && value.length === 0)) continue
    throw new UsageError(
      `${flag} cannot be changed with --resume: the run goes on as run.json says. What can be changed: ${changeable}. For anything else begin a new run`,
    )
  }
}
