/** Errors of the estimates over tables of published runs. */
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { estimateRun } from '../src/index.ts'

interface Row {
  readonly exclude_from_stats?: boolean
  readonly measured: { readonly step_time_s?: number | null; readonly peak_mem_bytes?: number | null }
}

/** Relative errors of the estimates against what was measured, ascending. */
function errors(rows: readonly Row[]): { time: number[]; memory: number[] } {
  const time: number[] = []
  const memory: number[] = []
  for (const row of rows) {
    if (row.exclude_from_stats) continue
    const result = estimateRun(row)
    const { step_time_s: seconds, peak_mem_bytes: bytes } = row.measured
    if (seconds) time.push(Math.abs(result.stepSeconds / seconds - 1))
    if (bytes) memory.push(Math.abs(result.memoryBytes / bytes - 1))
  }
  const ascending = (a: number, b: number) => a - b
  return { time: time.sort(ascending), memory: memory.sort(ascending) }
}

const median = (values: readonly number[]) => values[values.length >> 1]
const read = (url: URL) => (JSON.parse(readFileSync(url, 'utf8')) as { rows: Row[] }).rows

describe('published runs', () => {
  it('are estimated within a tenth, mostly', () => {
    const { time, memory } = errors(read(new URL('../vectors/published-runs.json', import.meta.url)))
    expect(time.length).toBeGreaterThanOrEqual(20)
    expect(median(time)).toBeLessThan(0.1)
    expect(time.filter((error) => error < 0.2).length / time.length).toBeGreaterThan(0.7)
    expect(memory.length).toBeGreaterThanOrEqual(4)
    expect(median(memory)).toBeLessThan(0.1)
  })

  const larger = new URL('../../../../shared/planner/published-runs.json', import.meta.url)
  it.skipIf(!existsSync(larger))('of a larger table too', () => {
    const { time, memory } = errors(read(larger))
    expect(time.length).toBeGreaterThan(90)
    expect(median(time)).toBeLessThan(0.08)
    expect(median(memory)).toBeLessThan(0.06)
    expect(time[Math.floor(0.9 * time.length)]).toBeLessThan(0.25)
    expect(memory[Math.floor(0.9 * memory.length)]).toBeLessThan(0.15)
  })
})
