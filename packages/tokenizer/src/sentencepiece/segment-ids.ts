/** Converts segments to ids, or to ids with their pieces and offsets in the text. */
import type { Encoding } from '../encoding.ts'
import { byteLengthOf, byteOf, codePointAt } from '../utf8.ts'
import type { Segments } from './segments.ts'
import type { Vocabulary } from './vocabulary.ts'
import { textOf } from './word-segmenter.ts'

/** The ids of segments: unknown characters as byte pieces (byte fallback), else each run of them as one unknown id. */
export function segmentIds(
  { unkId, byteFallback, byteIds }: Vocabulary,
  units: Uint16Array,
  segments: Segments,
): Int32Array {
  const { ids, ends, count } = segments
  let first = 0
  while (first < count && ids[first] !== unkId) first++
  if (first === count) return ids.slice(0, count)
  let total = first
  for (let k = first; k < count; k++) {
    if (ids[k] !== unkId) total++
    else if (!byteFallback) total += k > 0 && ids[k - 1] === unkId ? 0 : 1
    else total += utf8LengthOf(units, k > 0 ? ends[k - 1] : 0, ends[k])
  }
  const result = new Int32Array(total)
  result.set(ids.subarray(0, first))
  let n = first
  for (let k = first; k < count; k++) {
    if (ids[k] !== unkId) result[n++] = ids[k]
    else if (byteFallback) {
      for (let at = k > 0 ? ends[k - 1] : 0; at < ends[k]; ) {
        const codePoint = codePointAt(units, at, ends[k])
        at += codePoint < 0x10000 ? 1 : 2
        for (let b = 0; b < byteLengthOf(codePoint); b++) result[n++] = byteIds[byteOf(codePoint, b)]
      }
    } else if (k === 0 || ids[k - 1] !== unkId) result[n++] = unkId
  }
  return result
}

/** The same as `segmentPieces` of segments without unknown ones, of a text to which only `prefix` units were added. */
export function knownPieces(
  { pieces: names }: Vocabulary,
  prefix: number,
  { ids: found, ends, count }: Segments,
): Encoding {
  const ids = found.slice(0, count)
  const pieces = new Array<string>(count)
  const offsets = new Array<[number, number]>(count)
  let start = 0
  for (let k = 0; k < count; k++) {
    const end = Math.max(0, ends[k] - prefix)
    pieces[k] = names.text(ids[k])
    offsets[k] = [start, end]
    start = end
  }
  return { ids, pieces, offsets }
}

/** The ids, pieces and offsets of segments. @param origins offset in the text by unit of the normalised text */
export function segmentPieces(
  vocabulary: Vocabulary,
  units: Uint16Array,
  origins: ArrayLike<number>,
  segments: Segments,
): Encoding {
  const { unkId, byteFallback, byteIds, pieces: names } = vocabulary
  const ids: number[] = []
  const pieces: string[] = []
  const offsets: [number, number][] = []
  let start = 0
  let afterUnknown = false
  for (let k = 0; k < segments.count; k++) {
    const id = segments.ids[k]
    const end = segments.ends[k]
    const unknown = id === unkId
    if (unknown && byteFallback) {
      for (let at = start; at < end; ) {
        const codePoint = codePointAt(units, at, end)
        const bytes = byteLengthOf(codePoint)
        at += codePoint < 0x10000 ? 1 : 2
        for (let b = 0; b < bytes; b++) {
          const byteId = byteIds[byteOf(codePoint, b)]
          ids.push(byteId)
          pieces.push(names.text(byteId))
          offsets.push([origins[start], at === end && b === bytes - 1 ? origins[end] : origins[start]])
        }
      }
    } else if (unknown && afterUnknown) {
      pieces[pieces.length - 1] += textOf(units, start, end)
      offsets[offsets.length - 1][1] = origins[end]
    } else {
      ids.push(id)
      // The text of a known piece is the piece itself.
      pieces.push(unknown ? textOf(units, start, end) : names.text(id))
      offsets.push([origins[start], origins[end]])
    }
    afterUnknown = unknown
    start = end
  }
  return { ids: Int32Array.from(ids), pieces, offsets }
}

function utf8LengthOf(units: Uint16Array, from: number, to: number): number {
  let bytes = 0
  for (let at = from; at < to; ) {
    const codePoint = codePointAt(units, at, to)
    at += codePoint < 0x10000 ? 1 : 2
    bytes += byteLengthOf(codePoint)
  }
  return bytes
}
