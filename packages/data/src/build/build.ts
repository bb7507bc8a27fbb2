/** Builds token files from texts of any size, in parts that can be distributed and resumed. Node only. */
import { existsSync } from 'node:fs'
import type { Filter } from '../clean/filter.ts'
import { buildPart, type PartRecord, partPath } from './build-part.ts'
import type { BuildPart, BuildPlan } from './build-plan.ts'
import { readPartRecord } from './part-record.ts'

export interface BuildTools {
  readonly encode: (text: string) => ArrayLike<number>
  readonly filters?: readonly Filter[]
  /** Called after every part, with the number of parts of the shard done and the record of the last. */
  readonly onPart?: (done: number, of: number, record: PartRecord) => void
  /** Called with the bytes read since the last call; parts already done count as read. */
  readonly onBytes?: (bytes: number) => void
}

/** Size of a part's input in bytes. */
export function bytesOfPart({ bytes, range }: BuildPart): number {
  return range ? range.end - range.begin : bytes.reduce((sum, one) => sum + one, 0)
}

/**
 * Builds the parts of a shard that are not done yet. A shard has the parts whose number is `index` modulo `of`.
 * @param folder folder of the parts, with the plan
 * @throws Error that names the file and position of a fault; completed parts are kept
 * @example
 * const input = { field: 'text', encoding: 'utf-8' }
 * const settings = { ...input, vocabSize: 256, eosId: 0, duplicates: 'keep', identity: 'bytes' }
 * const encode = (text) => new TextEncoder().encode(text)
 * const planned = await planBuild(['texts'], settings)
 * await saveBuildPlan('one-of-two', planned)
 * await buildShard('one-of-two', planned, { index: 0, of: 2 }, { encode })
 */
export async function buildShard(
  folder: string,
  plan: BuildPlan,
  shard: { readonly index: number; readonly of: number },
  tools: BuildTools,
): Promise<void> {
  const { index, of } = shard
  if (!Number.isInteger(of) || of < 1 || !Number.isInteger(index) || index < 0 || index >= of)
    throw new RangeError(`shard must be I of N with I from 0 to N - 1, got ${index} of ${of}`)
  const numbers = plan.parts.flatMap((_, number) => (number % of === index ? [number] : []))
  let done = 0
  for (const number of numbers) {
    const path = partPath(folder, number, 'json')
    // A part reads past its range to the end of its last line, and skips a partial first line: `left` keeps the total
    // exact.
    let left = bytesOfPart(plan.parts[number])
    const onBytes = (bytes: number) => {
      const counted = Math.min(bytes, left)
      left -= counted
      if (counted > 0) tools.onBytes?.(counted)
    }
    const record = existsSync(path)
      ? readPartRecord(path)
      : await buildPart(folder, plan, number, { encode: tools.encode, filters: tools.filters ?? [], onBytes })
    onBytes(left)
    tools.onPart?.(++done, numbers.length, record)
  }
}
