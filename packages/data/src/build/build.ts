/** Texts of any size into token files, in parts that can be shared out, stopped and gone on with. Node only. */
import { existsSync, readFileSync } from 'node:fs'
import type { Filter } from '../clean/filter.ts'
import { buildPart, type PartRecord, partPath } from './build-part.ts'
import type { BuildPart, BuildPlan } from './build-plan.ts'

export interface BuildTools {
  readonly encode: (text: string) => ArrayLike<number>
  readonly filters?: readonly Filter[]
  /** Told after every part: parts done of the shard, and the last one's record. */
  readonly onPart?: (done: number, of: number, record: PartRecord) => void
  /** Told as it goes on: bytes of files that were read since the last call, or are in parts that are done already. */
  readonly onBytes?: (bytes: number) => void
}

/** Bytes that a part reads. */
export function bytesOfPart({ bytes, range }: BuildPart): number {
  return range ? range.end - range.begin : bytes.reduce((sum, one) => sum + one, 0)
}

/**
 * Builds the parts of a shard that are not done yet: those whose number is `index` modulo `of`.
 * @param folder where parts are kept; the plan is in it
 * @throws Error naming the file and place at fault; the parts before it stay
 * @example
 * const settings = { vocabSize: 256, eosId: 0, field: 'text', encoding: 'utf-8', duplicates: 'keep', identity: 'bytes' }
 * const encode = (text) => new TextEncoder().encode(text)
 * const planned = await planBuild(['texts'], settings)
 * await keepPlan('one-of-two', planned)
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
    // What a part read beside its own bytes (the end of its last line) or not (its beginning) is evened out at its end.
    let left = bytesOfPart(plan.parts[number])
    const onBytes = (bytes: number) => {
      const counted = Math.min(bytes, left)
      left -= counted
      if (counted > 0) tools.onBytes?.(counted)
    }
    const record = existsSync(path)
      ? (JSON.parse(readFileSync(path, 'utf8')) as PartRecord)
      : await buildPart(folder, plan, number, { encode: tools.encode, filters: tools.filters ?? [], onBytes })
    onBytes(left)
    tools.onPart?.(++done, numbers.length, record)
  }
}
