/** A blend on paper: what each subset gives at which repeats, by phase, before any document is read. */
import { assertTrainable, type ReleaseLevel } from './release-level.ts'

/** A named part of a corpus. Its size is one pass (`tokens`), or, where a script states no more, tokens times repeats (`weight`). */
export interface BlendSubset {
  readonly name: string
  readonly tokens?: number
  /** Passes over it; default 1. */
  readonly repeats?: number
  readonly weight?: number
  /** Prefix of its token files. */
  readonly prefix?: string
  readonly language?: string
  /** Where it is from, and under which licence. */
  readonly source?: string
  readonly licence?: string
  /** Default `L3`. */
  readonly releaseLevel?: ReleaseLevel
}

/** One stretch of training on one blend. */
export interface BlendPhase {
  readonly name: string
  readonly subsets: readonly BlendSubset[]
  /** Tokens to read; default: what the repeats give. */
  readonly tokens?: number
  /** Shares are weights to the power of 1/T: above 1 small subsets are read more often; default 1. */
  readonly temperature?: number
}

export interface BlendRow {
  readonly name: string
  readonly releaseLevel: ReleaseLevel
  readonly language: string | null
  /** Integer for `--data-path`. */
  readonly weight: number
  /** Part of the phase, 0 to 1. */
  readonly share: number
  /** Tokens read in the phase. */
  readonly read: number
  /** Passes in the phase, and in it and the phases before; null where the size of one pass is not known. */
  readonly epochs: number | null
  readonly epochsSoFar: number | null
}

export interface PlannedPhase {
  readonly name: string
  readonly tokens: number
  readonly rows: readonly BlendRow[]
  /** Weights and prefixes by turns; null where a subset has no prefix. */
  readonly dataPath: readonly string[] | null
}

export interface BlendPlan {
  readonly phases: readonly PlannedPhase[]
  /** Tokens read at each level, for a run's record. */
  readonly levels: Readonly<Partial<Record<ReleaseLevel, number>>>
  readonly warnings: readonly string[]
}

/** Up to four passes over data cost next to nothing against new data; value falls after that. @see arXiv:2305.16264 */
const harmlessEpochs = 4

/**
 * Plans the phases of a training run; epochs of a subset add up over the phases that name it.
 * @throws RangeError naming phase and subset: a level that may not train (LX, LZ), sizes or repeats out of bounds, a name given twice
 * @example
 * const { phases } = planBlend([{ name: 'pre-training', subsets: [{ name: 'ja', tokens: 3e11, repeats: 2 }, { name: 'en', tokens: 1e12 }] }])
 * phases[0].tokens // 1.6e12
 */
export function planBlend(phases: readonly BlendPhase[]): BlendPlan {
  if (phases.length === 0) throw new RangeError('planBlend: there is no phase')
  const before = new Map<string, number | null>()
  const levels: Partial<Record<ReleaseLevel, number>> = {}
  const warnings: string[] = []
  const planned = phases.map((phase): PlannedPhase => {
    const { subsets, temperature = 1 } = phase
    const fail = (fault: string): never => {
      throw new RangeError(`phase "${phase.name}": ${fault}`)
    }
    if (subsets.length === 0) fail('there is no subset')
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
          `${phase.name}: "${name}" is read ${epochsSoFar.toFixed(1)} times by then; past ${harmlessEpochs} a repeat is worth less than new text (arXiv:2305.16264)`,
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
    fail(`subset "${name}" needs tokens (of one pass) or weight (tokens times repeats), one of the two`)
  const size = tokens ?? (weight as number)
  if (!(size > 0 && size <= 1e16))
    fail(`subset "${name}": its size must be above 0 and at most 1e16 tokens, got ${size}`)
  if (weight !== undefined && repeats !== 1) fail(`subset "${name}": weight holds the repeats already`)
  if (!(repeats >= 0 && repeats <= 10_000)) fail(`subset "${name}": repeats must be from 0 to 10000, got ${repeats}`)
  return Math.round(size * repeats)
}
