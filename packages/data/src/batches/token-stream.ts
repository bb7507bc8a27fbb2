/** Concatenation of documents into one array, each ended by the end-of-sequence id. */

/** A document: token ids in order. */
export type TokenDocument = ArrayLike<number>

/** All documents in one array. Document i is `tokens[offsets[i]] .. tokens[offsets[i + 1] - 1]`, its last token eos. */
export interface TokenStream {
  readonly tokens: Int32Array
  readonly offsets: Float64Array
}

/** Limit of the tokens in one array: 4 GiB of ids. */
const maxTokens = 2 ** 30

/** @throws RangeError unless `value` is an integer within bounds; the message names `owner` and `field` */
export function checkInteger(owner: string, field: string, value: unknown, lower: number, upper: number): void {
  if (!Number.isInteger(value) || (value as number) < lower || (value as number) > upper) {
    throw new RangeError(`${owner}: ${field} must be an integer from ${lower} to ${upper}, got ${String(value)}`)
  }
}

/**
 * Concatenates documents. Empty documents are omitted; eos is not added to a document that ends with it.
 * @param owner name of the caller in errors
 * @param vocabSize upper bound of ids (exclusive); default 2^31
 * @throws RangeError for an id that is not an integer from 0 to vocabSize - 1, or more than 2^30 tokens
 */
export function joinDocuments(
  owner: string,
  documents: readonly TokenDocument[],
  eosId: number,
  vocabSize: number = 2 ** 31,
): TokenStream {
  checkInteger(owner, 'vocabSize', vocabSize, 1, 2 ** 31)
  checkInteger(owner, 'eosId', eosId, 0, vocabSize - 1)
  const lengths: number[] = []
  let total = 0
  for (const document of documents) {
    if (document.length === 0) continue
    const closed = document[document.length - 1] === eosId
    lengths.push(document.length + (closed ? 0 : 1))
    total += lengths[lengths.length - 1]
  }
  if (total > maxTokens) {
    throw new RangeError(`${owner}: documents hold ${total} tokens, at most ${maxTokens} fit; split the corpus`)
  }
  const tokens = new Int32Array(total)
  const offsets = new Float64Array(lengths.length + 1)
  let at = 0
  let index = 0
  documents.forEach((document, number) => {
    if (document.length === 0) return
    for (let i = 0; i < document.length; i++) {
      const id = document[i]
      if (!(Number.isInteger(id) && id >= 0 && id < vocabSize)) {
        const bound = vocabSize === 2 ** 31 ? '2^31 - 1' : `${vocabSize - 1} (a vocabulary of ${vocabSize})`
        throw new RangeError(
          `${owner}: token ${i} of document ${number} must be an integer from 0 to ${bound}, got ${id}`,
        )
      }
      tokens[at + i] = id
    }
    at = offsets[index] + lengths[index]
    tokens[at - 1] = eosId
    offsets[++index] = at
  })
  return { tokens, offsets }
}
