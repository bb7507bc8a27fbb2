/** A chart of the tokens that each training phase reads, as stacked bars by language and release level. */
import type { PlannedPhase } from '@kumiki/data'

const scales = [
  [1e12, 'T'],
  [1e9, 'B'],
  [1e6, 'M'],
  [1e3, 'k'],
] as const

/** 2.07e12 as 2.07T. */
function tokensText(value: number): string {
  const [scale, letter] = scales.find(([from]) => value >= from) ?? [1, '']
  return `${Number((value / scale).toPrecision(3))}${letter}`
}

/** One bar for each phase; release levels are separate parts if there is more than one. */
export async function blendPicture(phases: readonly PlannedPhase[]): Promise<string> {
  const { barsChart } = await import('@kumiki/report')
  const levels = new Set(phases.flatMap(({ rows }) => rows.map(({ releaseLevel }) => releaseLevel)))
  const partOf = ({ language, releaseLevel }: PlannedPhase['rows'][number]) =>
    `${language ?? 'other'}${levels.size > 1 ? `, ${releaseLevel}` : ''}`
  const read = phases.map(({ rows }) => {
    const parts = new Map<string, number>()
    for (const row of rows) parts.set(partOf(row), (parts.get(partOf(row)) ?? 0) + row.read)
    return parts
  })
  const total = (part: string) => read.reduce((sum, parts) => sum + (parts.get(part) ?? 0), 0)
  const parts = [...new Set(read.flatMap((own) => [...own.keys()]))].sort((a, b) => total(b) - total(a))
  return barsChart({
    title: `Tokens read, by language${levels.size > 1 ? ' and release level' : ''}`,
    parts,
    bars: phases.map(({ name, tokens }, i) => ({
      label: name,
      values: parts.map((part) => read[i].get(part) ?? 0),
      note: tokensText(tokens),
    })),
    tick: tokensText,
  })
}
