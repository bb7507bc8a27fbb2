/** Measurements as JSON lines and as tables. */
import { jaxVersion, type Provenance } from '../common/provenance.ts'
import { medianOf } from '../common/statistics.ts'
import { largestDifference, type Measurement, nameOf } from './measure.ts'
import { batch } from './workload.ts'

/** Kumiki's measurement compared with one of jax-js; ratios are of tokens per second. */
export interface Comparison {
  readonly ours: Measurement
  readonly theirs: Measurement
  readonly ratioOfMedians: number
  /** Smallest and largest ratio within one round. */
  readonly ratioOfRounds: readonly [number, number]
  readonly largestLossDifference: number
}

/**
 * Pairs of measurements with the same number of threads, and the pair of each implementation's fastest if it is
 * another.
 */
export function compare(measurements: readonly Measurement[]): Comparison[] {
  const of = (name: string) => measurements.filter((m) => m.spec.implementation === name)
  const pairs = of('kumiki').map((ours) => [
    ours,
    of('jax-js').find((m) => m.spec.backend === ours.spec.backend && m.spec.threads === ours.spec.threads)!,
  ])
  const fastest = [of('kumiki'), of('jax-js')].map((all) =>
    all.reduce((a, b) => (medianOf(b.rounds) > medianOf(a.rounds) ? b : a)),
  )
  if (!pairs.some(([ours, theirs]) => ours === fastest[0] && theirs === fastest[1])) pairs.push(fastest)
  return pairs.map(([ours, theirs]) => {
    const ratios = ours.rounds.map((r, i) => r / theirs.rounds[i])
    return {
      ours,
      theirs,
      ratioOfMedians: medianOf(ours.rounds) / medianOf(theirs.rounds),
      ratioOfRounds: [Math.min(...ratios), Math.max(...ratios)],
      largestLossDifference: largestDifference([ours.losses, theirs.losses]),
    }
  })
}

export function jsonLines(measurements: readonly Measurement[], steps: number, from: Provenance): string[] {
  const common = { benchmark: 'train-step', ...from }
  const version = jaxVersion()
  const results = measurements.map(({ spec, adapter, rounds, ...m }) => ({
    ...common,
    adapter,
    ...named(spec),
    ...(spec.implementation === 'jax-js' ? { version } : {}),
    batch,
    stepsPerRound: steps,
    tokensPerSecond: {
      median: round(medianOf(rounds)),
      best: round(Math.max(...rounds)),
      rounds: rounds.map(round),
    },
    firstStepSeconds: Number(m.firstStepSeconds.toFixed(3)),
    peakBytes: m.peakBytes,
    processPeakBytes: m.processPeakBytes,
    losses: m.losses,
  }))
  const comparisons = compare(measurements).map((c) => ({
    ...common,
    adapter: c.ours.adapter,
    compared: [named(c.ours.spec), named(c.theirs.spec)],
    ratio: {
      ofMedians: Number(c.ratioOfMedians.toFixed(3)),
      ofRounds: c.ratioOfRounds.map((r) => Number(r.toFixed(3))),
    },
    largestLossDifference: c.largestLossDifference,
  }))
  return [...results, ...comparisons].map((line) => JSON.stringify(line))
}

function named({ implementation, backend, threads }: Measurement['spec']) {
  return { implementation, backend, ...(backend === 'cpu' ? { threads } : {}) }
}

export function readable(measurements: readonly Measurement[], { node, commit, modified }: Provenance): string {
  const rows = [['', 'tokens/s median', 'best', 'first step', 'peak memory', 'process']]
  for (const m of measurements) {
    rows.push([
      nameOf(m.spec),
      medianOf(m.rounds).toFixed(0),
      Math.max(...m.rounds).toFixed(0),
      `${m.firstStepSeconds.toFixed(2)} s`,
      `${(m.peakBytes / 1e6).toFixed(0)} MB`,
      `${(m.processPeakBytes / 1e6).toFixed(0)} MB`,
    ])
  }
  const lines = rows.map(([name, ...cells]) => name.padEnd(16) + cells.map((c) => c.padStart(17)).join(''))
  for (const c of compare(measurements)) {
    const [low, high] = c.ratioOfRounds
    lines.push(
      `${nameOf(c.ours.spec)} / ${nameOf(c.theirs.spec)}: ${c.ratioOfMedians.toFixed(2)}x (rounds ${low.toFixed(2)} to ${high.toFixed(2)})`,
    )
  }
  const changed = modified.length ? `, files modified since: ${modified.length}` : ''
  return [`${measurements[0].adapter}, Node ${node}, commit ${commit.slice(0, 12)}${changed}`, ...lines].join('\n')
}

const round = (x: number) => Number(x.toFixed(1))
