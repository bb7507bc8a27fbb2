/**
 * Packing of whole documents into sequences for fine-tuning: documents that fit are not cut, and padding is small.
 *
 * Best-fit decreasing: from the longest document on, each goes into the sequence with the least free space that holds
 * it. This takes at most 11/9 of the optimal number of sequences, and on lengths of real text hardly more than the
 * optimum.
 * @see D. S. Johnson et al., "Worst-case performance bounds for simple one-dimensional packing algorithms" (1974);
 * arXiv:2404.10830 for language models
 */
import { checkInteger, type TokenDocument } from './token-stream.ts'

/**
 * Assigns documents to sequences.
 * @param lengths tokens of each document, at most `capacity`
 * @returns the documents of each sequence by index, longest first; empty documents are omitted
 * @throws RangeError that names a document that does not fit
 * @example bestFit([5, 3, 2], 5) // [[0], [1, 2]]
 */
export function bestFit(lengths: ArrayLike<number>, capacity: number): number[][] {
  checkInteger('bestFit', 'capacity', capacity, 1, 2 ** 24)
  for (let i = 0; i < lengths.length; i++) checkInteger('bestFit', `length of document ${i}`, lengths[i], 0, capacity)
  const order = longestFirst(lengths, capacity)
  // A segment tree over free space: leaf s counts the sequences with s free tokens, an inner node those of its subtree.
  let leaves = 1
  while (leaves <= capacity) leaves *= 2
  const counts = new Uint32Array(2 * leaves)
  // Linked lists in typed arrays: the last sequence with s free tokens, and for each sequence the one before it. Arrays
  // of arrays would allocate for every document.
  const latest = new Int32Array(capacity + 1).fill(-1)
  const before = new Int32Array(lengths.length)
  const change = (free: number, by: number) => {
    for (let node = leaves + free; node > 0; node >>= 1) counts[node] += by
  }
  /** The smallest free space of at least `wanted` among the sequences; -1 where there is none. */
  const least = (wanted: number): number => {
    let node = leaves + wanted
    if (counts[node] > 0) return wanted
    while (node > 1 && (node % 2 === 1 || counts[node + 1] === 0)) node >>= 1
    if (node <= 1) return -1
    node++
    while (node < leaves) node = counts[2 * node] > 0 ? 2 * node : 2 * node + 1
    return node - leaves
  }
  /** The sequence of each document in `order`, and the number of documents of each sequence. */
  const chosen = new Int32Array(order.length).fill(-1)
  const sizes = new Uint32Array(order.length)
  let made = 0
  for (let i = 0; i < order.length; i++) {
    const length = lengths[order[i]]
    if (length === 0) continue
    const free = least(length)
    let sequence: number
    if (free < 0) sequence = made++
    else {
      sequence = latest[free]
      latest[free] = before[sequence]
      change(free, -1)
    }
    chosen[i] = sequence
    sizes[sequence]++
    const left = (free < 0 ? capacity : free) - length
    before[sequence] = latest[left]
    latest[left] = sequence
    change(left, 1)
  }
  const sequences = Array.from({ length: made }, (_, sequence) => new Array<number>(sizes[sequence]))
  const filled = new Uint32Array(made)
  for (let i = 0; i < order.length; i++) if (chosen[i] >= 0) sequences[chosen[i]][filled[chosen[i]]++] = order[i]
  return sequences
}

/** Indices of documents by descending length, stable: a counting sort, as lengths are at most `capacity`. */
function longestFirst(lengths: ArrayLike<number>, capacity: number): Uint32Array {
  const next = new Uint32Array(capacity + 2)
  for (let i = 0; i < lengths.length; i++) next[capacity - lengths[i] + 1]++
  for (let k = 0; k <= capacity; k++) next[k + 1] += next[k]
  const order = new Uint32Array(lengths.length)
  for (let i = 0; i < lengths.length; i++) order[next[capacity - lengths[i]]++] = i
  return order
}

/** Packed documents, row-major [sequences, sequenceLength]. */
export interface PackedDocuments {
  readonly inputs: Int32Array
  /** -1 is ignored: padding, the last token of a document, and tokens that a mask excludes. */
  readonly targets: Int32Array
  /** Position within the document, from 0. */
  readonly positions: Int32Array
  /** Index of the document in its sequence from 1, 0 for padding: attention is limited to equal segments. */
  readonly segments: Int32Array
  readonly sequences: number
  readonly sequenceLength: number
  /** Number of documents longer than a sequence, which were truncated. */
  readonly cut: number
  /** Share of positions that are padding, 0 to 1. */
  readonly padding: number
}

/**
 * Packs whole documents by best-fit decreasing. Documents longer than a sequence are truncated and counted in `cut`.
 * @param sequenceLength tokens T per sequence
 * @param options.padId input id of padding; default 0
 * @param options.masks for each document, which tokens are targets (answers, not prompts); default: all
 * @throws RangeError for sizes or ids out of bounds, or no tokens at all
 * @example packBestFit([[1, 2, 3], [4, 5]], 5).inputs // [1, 2, 3, 4, 5]
 */
export function packBestFit(
  documents: readonly TokenDocument[],
  sequenceLength: number,
  options: { readonly padId?: number; readonly masks?: readonly ArrayLike<number | boolean>[] } = {},
): PackedDocuments {
  const { padId = 0, masks } = options
  checkInteger('packBestFit', 'sequenceLength', sequenceLength, 1, 2 ** 24)
  checkInteger('packBestFit', 'padId', padId, 0, 2 ** 31 - 1)
  if (masks && masks.length !== documents.length)
    throw new RangeError(`packBestFit: there are ${documents.length} documents but ${masks.length} masks`)
  const lengths = documents.map(({ length }) => Math.min(length, sequenceLength))
  const rows = bestFit(lengths, sequenceLength)
  if (rows.length === 0) throw new RangeError('packBestFit: the documents have no tokens; give at least one')
  const size = rows.length * sequenceLength
  if (size > 2 ** 30) throw new RangeError(`packBestFit: ${size} tokens are more than 2^30; pack a part at a time`)
  const inputs = new Int32Array(size).fill(padId)
  const targets = new Int32Array(size).fill(-1)
  const positions = new Int32Array(size)
  const segments = new Int32Array(size)
  let filled = 0
  rows.forEach((row, sequence) => {
    let at = sequence * sequenceLength
    row.forEach((number, segment) => {
      const document = documents[number]
      const mask = masks?.[number]
      for (let i = 0; i < lengths[number]; i++, at++) {
        checkInteger('packBestFit', `token ${i} of document ${number}`, document[i], 0, 2 ** 31 - 1)
        inputs[at] = document[i]
        positions[at] = i
        segments[at] = segment + 1
        if (i > 0 && (mask === undefined || mask[i])) targets[at - 1] = document[i]
      }
      filled += lengths[number]
    })
  })
  const cut = documents.filter(({ length }) => length > sequenceLength).length
  return {
    inputs,
    targets,
    positions,
    segments,
    sequences: rows.length,
    sequenceLength,
    cut,
    padding: 1 - filled / size,
  }
}
