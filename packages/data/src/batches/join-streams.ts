/** Several token streams read as one, laid end to end. */
import type { TokenReader } from './stream-batches.ts'

/**
 * One stream of several, in the order given; a window may begin in one and end in the next.
 * @throws RangeError where there is none
 * @example
 * using corpus = await openIndexedDataset('corpus_text_document')
 * const both = joinStreams([corpus, corpus])
 * both.tokens === 2 * corpus.tokens // true
 * streamBatches({ dataset: both, sequenceLength: 16, batchSize: 2 }).next().value.inputs.length // 32
 */
export function joinStreams(streams: readonly TokenReader[]): TokenReader {
  if (streams.length === 0) throw new RangeError('joinStreams: at least one stream is needed')
  const begins = [0]
  for (const { tokens } of streams) begins.push(begins[begins.length - 1] + tokens)
  const tokens = begins[streams.length]
  return {
    tokens,
    readStream(position, into) {
      if (!(Number.isInteger(position) && position >= 0 && position + into.length <= tokens))
        throw new RangeError(
          `joinStreams: tokens ${position} to ${position + into.length - 1} are not within the ${tokens} there are`,
        )
      let at = position
      for (let filled = 0, i = begins.findLastIndex((begin) => begin <= at); filled < into.length; i++) {
        const length = Math.min(into.length - filled, begins[i + 1] - at)
        if (length > 0) streams[i].readStream(at - begins[i], into.subarray(filled, filled + length))
        filled += length
        at += length
      }
    },
  }
}
