/**
 * Planning of data blends: the tokens and epochs of each subset in each training phase, before any document is read.
 */
import { assertTrainable, type ReleaseLevel } from './release-level.ts'

/**
 * A named part of a corpus. Its size is given as the tokens of one pass, or as a weight, which is tokens times repeats.
 */
export interface BlendSubset {
  readonly name: string
  readonly tokens?: number
  /** Passes over the subset, with `tokens`; default 1. */
  readonly repeats?: number
  readonly weight?: number
  /** Prefix of its token files. */
  readonly prefix?: string
  readonly language?: string
  /** Origin of the texts. */
  readonly source?: string
  readonly licence?: string
  /** Default `L3`. */
  readonly releaseLevel?: ReleaseLevel
}

/** A phase of training on one blend. */
export interface BlendPhase {
  readonly name: string
  readonly subsets: readonly BlendSubset[]
  /** Tokens of the phase; default: the sum over the subsets. */
  readonly tokens?: number
  /** Sampling temperature T: shares are proportional to weight^(1/T), so T > 1 upsamples small subsets; default 1. */
  readonly temperature?: number
}

export interface BlendRow {
  readonly name: string
  readonly releaseLevel: ReleaseLevel
  readonly language: string | null
  /** Integer weight for `--data-path`. */
  readonly weight: number
  /** Share of the phase, 0 to 1. */
  readonly share: number
  /** Tokens read in the phase. */
  readonly read: number
  /** Epochs in this phase, and in all phases up to it; null where the size of one pass is unknown. */
  readonly epochs: number | null
  readonly epochsSoFar: number | null
}

export interface PlannedPhase {
  readonly name: string
  readonly tokens: number
  readonly rows: readonly BlendRow[]
  /** Arguments of `--data-path`: alternating weights and prefixes; null where a subset has no prefix. */
  readonly dataPath: readonly string[] | null
}

export interface BlendPlan {
  readonly phases: readonly PlannedPhase[]
  /** Tokens read at each release level. */
  readonly levels: Readonly<Partial<Record<ReleaseLevel, number>>>
  readonly warnings: readonly string[]
}

/** Up to about four epochs, repeated data is nearly as good as new data. @see arXiv:2305.16264 */
const harmlessEpochs = 4

/**
 * Plans the phases of a training run; the epochs of a subset add up over the phases that contain it.
 * @throws RangeError that names phase and subset, for a release level that forbids training (LX, LZ), sizes or repeats
 *   out of bounds, or a duplicate name
 * @example
 * const subsets = [{ name: 'ja', tokens: 3e11, repeats: 2 }, { name: 'en', tokens: 1e12 }]
 * const { phases } = planBlend([{ name: 'pre-training', subsets }])
 * phases[0].tokens // 1.6e12
 */
export function planBlend(phases: readonly BlendPhase[]): BlendPlan {
  if (phases.length === 0) throw new RangeError('planBlend: there are no phases; give at least one')
  const before = new Map<string, number | null>()
  const levels: Partial<Record<ReleaseLevel, number>> = {}
  const warnings: string[] = []
  const planned = phases.map((phase): PlannedPhase => {
    const { subsets, temperature = 1 } = phase
    const fail = (fault: string): never => {
      throw new RangeError(`phase "${phase.name}": ${fault}`)
    }
    if (subsets.length === 0) fail('there are no subsets; give at least one')
    if (!(temperature > 0 && temperature <= 100))
      fail(`temperature must be above 0 and at most 100, got ${temperature}`)
    if (phase.tokens !== undefined && !(phase.tokens >= 1 && phase.tokens <= 1e18))
      fail(`tokens must be from 1 to 1e18, got ${phase.tokens}`)
    const names = new Set<string>()
    const weights = subsets.map((subset) => {
      const { name, releaseLevel = 'L3' } = subset
      assertTrainable(name, releaseLevel)
      if (names.has(name)) fail(`subset "${name}" is given twice; raise its repeats instead`)
      names.add(name)
      return weightOf(subset, fail)
    })
    const heated = temperature === 1 ? weights : weights.map((weight) => weight ** (1 / temperature))
    const sum = heated.reduce((total, weight) => total + weight, 0)
    if (!(sum > 0)) fail('nothing is read: all repeats are 0')
    const stated = weights.reduce((total, weight) => total + weight, 0)
    const tokens = phase.tokens ?? stated
    const rows = subsets.map((subset, i): BlendRow => {
      const { name, releaseLevel = 'L3', language = null, tokens: once } = subset
      const share = heated[i] / sum
      const read = share * tokens
      levels[releaseLevel] = (levels[releaseLevel] ?? 0) + read
      const epochs = once === undefined ? null : read / once
      const known = before.has(name) ? (before.get(name) as number | null) : 0
      const epochsSoFar = epochs === null || known === null ? null : known + epochs
      before.set(name, epochsSoFar)
      if (epochsSoFar !== null && epochsSoFar > harmlessEpochs * (1 + 1e-9))
        warnings.push(
          `${phase.name}: "${name}" has ${epochsSoFar.toFixed(1)} epochs by then; beyond ${harmlessEpochs}, repeated text is worth less than new text (arXiv:2305.16264)`,
        )
      const weight = temperature === 1 ? weights[i] : Math.round(share * stated)
      return { name, releaseLevel, language, weight, share, read, epochs, epochsSoFar }
    })
    const read = rows.flatMap((row, i) => (row.weight > 0 ? [{ row, prefix: subsets[i].prefix }] : []))
    const dataPath = read.every(({ prefix }) => prefix !== undefined)
      ? read.flatMap(({ row, prefix }) => [String(row.weight), prefix as string])
      : null
    return { name: phase.name, tokens, rows, dataPath }
  })
  return { phases: planned, levels, warnings }
}

function weightOf({ name, tokens, repeats = 1, weight }: BlendSubset, fail: (fault: string) => never): number {
  if ((tokens === undefined) === (weight === undefined))
    fail(`subset "${name}" needs either tokens (of one pass) or weight (tokens times repeats)`)
  const size = tokens ?? (weight as number)
  if (!(size > 0 && size <= 1e16))
    fail(`subset "${name}": its size must be above 0 and at most 1e16 tokens, got ${size}`)
  if (weight !== undefined && repeats !== 1)
    fail(`subset "${name}": weight already includes repeats; give one of the two`)
  if (!(repeats >= 0 && repeats <= 10_000)) fail(`subset "${name}": repeats must be from 0 to 10000, got ${repeats}`)
  return Math.round(size * repeats)
}
