/** The main result of runs, in a sentence. */
import { count, decimals, listing } from '../text/numbers.ts'
import { baselineNames, type ReportRun, sameTokens } from './run.ts'
import { finalTrainingLoss } from './smooth.ts'

/**
 * The held-out loss against the n-gram baselines, of several runs that of the best. Runs with different tokenizers or
 * texts are compared by bits per byte only.
 * @param runs at least one
 */
export function runHeadline(runs: readonly ReportRun[]): string {
  const finished = runs.filter((run) => run.summary !== undefined)
  const comparable = sameTokens(finished.length > 0 ? finished : runs)
  if (finished.length === 0) return unfinished(runs, comparable)
  const measure = ({ summary }: ReportRun) => summary!.heldOut[comparable ? 'natsPerToken' : 'bitsPerByte']
  const [best, second] = finished.toSorted((a, b) => measure(a) - measure(b))
  const { heldOut, baselines } = best.summary!
  const beaten = baselineNames.filter((name) => heldOut.natsPerToken < baselines[name].natsPerToken)
  const unbeaten = baselineNames.filter((name) => !beaten.includes(name))
  const named = (names: readonly string[]) => `the ${listing(names)} baseline${names.length > 1 ? 's' : ''}`
  const against = [
    ...(beaten.length > 0 ? [`better than ${named(beaten)}`] : []),
    ...(unbeaten.length > 0 ? [`${beaten.length > 0 ? 'not yet than' : 'not better than'} ${named(unbeaten)}`] : []),
  ].join(', ')
  const figure = `${decimals(heldOut.natsPerToken)} nats per token (${decimals(heldOut.bitsPerByte)} bits per byte)`
  if (!second) return `${runs.length > 1 ? `${best.name}: held-out` : 'Held-out'} loss ${figure}: ${against}.`
  const ahead = decimals(measure(second) - measure(best))
  return comparable
    ? `${best.name} has the lowest held-out loss, ${figure}, ${ahead} below ${second.name}: ${against}.`
    : `${best.name} has the lowest held-out loss, ${decimals(heldOut.bitsPerByte)} bits per byte, ${ahead} below ${second.name} (tokenizer or text differ, so nats per token do not compare): ${against}.`
}

function unfinished(runs: readonly ReportRun[], comparable: boolean): string {
  const trained = runs.filter((run) => run.metrics.length > 0)
  const [run] = trained.toSorted((a, b) => finalTrainingLoss(a) - finalTrainingLoss(b))
  const last = run?.metrics.at(-1)
  if (!run || !last) return 'Nothing has been trained yet.'
  if (trained.length > 1 && !comparable)
    return 'There is no held-out result yet, and training losses of different tokenizers or texts do not compare.'
  const who = runs.length > 1 ? `${run.name} is at the lowest training loss, ` : 'Training loss '
  return `${who}${decimals(finalTrainingLoss(run))} nats per token after ${count(last.step)} steps; there is no held-out result yet.`
}
