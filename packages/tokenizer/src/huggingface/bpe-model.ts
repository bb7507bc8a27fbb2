/** The BPE model of a tokenizer.json. */
import { TokenizerError } from '../tokenizer-error.ts'
import { asFlag, asList, asText, type JsonRecord } from './json-value.ts'
import { MergeTable } from './merge-table.ts'
import { byteIdsOf, type Dropout, findByteIds, type TokenModel, TokenRun } from './token-run.ts'
import { Vocabulary } from './vocabulary.ts'

/** Capacity of the word cache, and the longest word in it in UTF-16 units. */
const CACHED_WORDS = 20_000
const CACHED_LENGTH = 64
/** Bound of positions in a text: rank and position are packed into one double. */
const PLACE = 2 ** 26

/**
 * Byte-pair encoding as Hugging Face computes it: characters to ids, then merges in order of rank, the leftmost first.
 * The pairs are in a heap, so time is O(n log n).
 * @see https://github.com/huggingface/tokenizers/blob/main/tokenizers/src/models/bpe/word.rs
 */
export class BpeModel implements TokenModel {
  readonly size: number
  /** The file's dropout probability; 0 where it gives none. */
  readonly dropout: number
  private readonly tokens: readonly string[]
  private readonly ids: ReadonlyMap<string, number>
  private readonly merges: MergeTable
  private readonly byteIds: Int32Array | undefined
  private readonly unkId: number
  private readonly fuseUnk: boolean
  private readonly ignoreMerges: boolean
  private readonly prefix: string
  private readonly suffix: string
  private readonly cache = new Map<string, Int32Array>()
  private readonly symbols = new TokenRun()
  private readonly heap: number[] = []
  private next = new Int32Array(64)
  private previous = new Int32Array(64)

  /** @throws TokenizerError where ids are out of range or repeated, or a merge names a token outside the vocabulary */
  constructor(model: JsonRecord) {
    const { ids, tokens } = new Vocabulary(model)
    this.ids = ids
    this.tokens = tokens
    this.size = this.tokens.length
    this.prefix = asText(model.continuing_subword_prefix ?? '', 'model.continuing_subword_prefix')
    this.suffix = asText(model.end_of_word_suffix ?? '', 'model.end_of_word_suffix')
    this.fuseUnk = asFlag(model.fuse_unk, 'model.fuse_unk', false)
    this.ignoreMerges = asFlag(model.ignore_merges, 'model.ignore_merges', false)
    const dropout = model.dropout ?? 0
    if (typeof dropout !== 'number' || !(dropout >= 0 && dropout <= 1)) {
      throw new TokenizerError(
        `tokenizer.json: model.dropout is ${String(dropout).slice(0, 40)}; a number from 0 to 1 is needed`,
      )
    }
    this.dropout = dropout
    const unk = model.unk_token
    this.unkId =
      unk === null || unk === undefined ? -1 : this.require(asText(unk, 'model.unk_token'), 'model.unk_token')
    if (asFlag(model.byte_fallback, 'model.byte_fallback', false)) {
      this.byteIds = findByteIds((token) => this.ids.get(token))
    }
    const merges = asList(model.merges, 'model.merges')
    if (merges.length >= PLACE) {
      throw new TokenizerError(
        `tokenizer.json: model.merges has ${merges.length} entries; fewer than ${PLACE} are supported`,
      )
    }
    this.merges = new MergeTable(merges.length)
    merges.forEach((entry, rank) => {
      const where = `model.merges[${rank}]`
      const pair = typeof entry === 'string' ? entry.split(' ') : asList(entry, where)
      if (pair.length !== 2)
        throw new TokenizerError(`tokenizer.json: ${where} has ${pair.length} parts; two are needed`)
      const left = asText(pair[0], where)
      const right = asText(pair[1], where)
      const merged = left + (right.startsWith(this.prefix) ? right.slice(this.prefix.length) : right)
      this.merges.set(this.require(left, where), this.require(right, where), rank, this.require(merged, where))
    })
  }

  idOf(token: string): number | undefined {
    return this.ids.get(token)
  }

  tokenOf(id: number): string | undefined {
    return this.tokens[id]
  }

  tokenize(text: string, out: TokenRun, barred?: ReadonlySet<number>, dropout?: Dropout): void {
    if (text === '') return
    if (text.length >= PLACE) {
      throw new TokenizerError(
        `encode: a part of the text has ${text.length} UTF-16 units; fewer than ${PLACE} are supported, so split the text`,
      )
    }
    if (dropout) {
      this.merge(text, out, dropout)
      return
    }
    if (this.ignoreMerges) {
      const id = this.ids.get(text)
      if (id !== undefined && !barred?.has(id)) {
        out.push(id, 0, text.length)
        return
      }
    }
    if (text.length > CACHED_LENGTH) {
      this.merge(text, out)
      return
    }
    let known = this.cache.get(text)
    if (!known) {
      const from = out.count
      this.merge(text, out)
      known = new Int32Array((out.count - from) * 3)
      for (let k = from, n = 0; k < out.count; k++) {
        known[n++] = out.ids[k]
        known[n++] = out.starts[k]
        known[n++] = out.ends[k]
      }
      if (this.cache.size >= CACHED_WORDS) this.cache.clear()
      this.cache.set(text, known)
      return
    }
    for (let n = 0; n < known.length; n += 3) out.push(known[n], known[n + 1], known[n + 2])
  }

  private require(token: string, where: string): number {
    const id = this.ids.get(token)
    if (id === undefined) {
      throw new TokenizerError(`tokenizer.json: ${where} needs ${JSON.stringify(token.slice(0, 40))}, which has no id`)
    }
    return id
  }

  /**
   * Splits text into the initial symbols: characters, their bytes, or the unknown token (one per run with `fuse_unk`).
   */
  private split(text: string): void {
    const symbols = this.symbols
    symbols.count = 0
    let unkFrom = -1
    let unkTo = -1
    const flush = () => {
      if (unkFrom >= 0) symbols.push(this.unkId, unkFrom, unkTo)
      unkFrom = -1
    }
    for (let i = 0; i < text.length; ) {
      const size = text.codePointAt(i)! > 0xffff ? 2 : 1
      let character = text.slice(i, i + size)
      if (i > 0) character = this.prefix + character
      if (i + size === text.length) character += this.suffix
      const id = this.ids.get(character)
      const bytes = id === undefined && this.byteIds ? byteIdsOf(character, this.byteIds) : undefined
      if (id !== undefined) {
        flush()
        symbols.push(id, i, i + size)
      } else if (bytes) {
        for (const byteId of bytes) symbols.push(byteId, i, i + size)
      } else if (this.unkId >= 0) {
        if (!this.fuseUnk) flush()
        if (unkFrom < 0) unkFrom = i
        unkTo = i + size
      }
      i += size
    }
    flush()
  }

  private merge(text: string, out: TokenRun, dropout?: Dropout): void {
    this.split(text)
    const { ids, starts, ends, count } = this.symbols
    if (this.next.length < count) {
      this.next = new Int32Array(count * 2)
      this.previous = new Int32Array(count * 2)
    }
    const next = this.next
    const previous = this.previous
    const merged = this.merges.merged
    const heap = this.heap
    heap.length = 0
    for (let k = 0; k < count; k++) {
      next[k] = k + 1
      previous[k] = k - 1
    }
    for (let k = 0; k + 1 < count; k++) this.offer(ids, k, k + 1)
    const skipped: number[] = []
    while (heap.length > 0) {
      const key = popSmallest(heap)
      if (dropout && dropout.random() < dropout.probability) {
        skipped.push(key)
        continue
      }
      // As in Hugging Face's: skipped pairs are pushed again after the next pair that is not skipped.
      for (const again of skipped) pushKey(heap, again)
      skipped.length = 0
      const at = key % PLACE
      // Stale: a symbol merged into its left neighbour has no id.
      if (ids[at] < 0 || next[at] >= count) continue
      const right = next[at]
      const rank = this.merges.rankOf(ids[at], ids[right])
      const wanted = merged[(key - at) / PLACE]
      // Stale: either symbol has changed since.
      if (rank < 0 || merged[rank] !== wanted) continue
      ids[at] = wanted
      ends[at] = ends[right]
      ids[right] = -1
      const after = next[right]
      next[at] = after
      if (after < count) {
        previous[after] = at
        this.offer(ids, at, after)
      }
      if (previous[at] >= 0) this.offer(ids, previous[at], at)
    }
    for (let k = 0; k < count; k = next[k]) out.push(ids[k], starts[k], ends[k])
    if (heap.length === 0 && count > 1 << 16) this.release()
  }

  private offer(ids: Int32Array, left: number, right: number): void {
    const rank = this.merges.rankOf(ids[left], ids[right])
    if (rank >= 0) pushKey(this.heap, rank * PLACE + left)
  }

  private release(): void {
    this.next = new Int32Array(64)
    this.previous = new Int32Array(64)
    this.symbols.ids = new Int32Array(64)
    this.symbols.starts = new Int32Array(64)
    this.symbols.ends = new Int32Array(64)
  }
}

function pushKey(heap: number[], key: number): void {
  let at = heap.length
  heap.push(key)
  while (at > 0) {
    const parent = (at - 1) >> 1
    if (heap[parent] <= key) break
    heap[at] = heap[parent]
    at = parent
  }
  heap[at] = key
}

function popSmallest(heap: number[]): number {
  const top = heap[0]
  const last = heap.pop()!
  const size = heap.length
  if (size === 0) return top
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= size) break
    if (child + 1 < size && heap[child + 1] < heap[child]) child++
    if (heap[child] >= last) break
    heap[at] = heap[child]
    at = child
  }
  heap[at] = last
  return top
}
