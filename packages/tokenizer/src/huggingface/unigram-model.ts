/** The Unigram model of a tokenizer.json, with ties resolved as in Hugging Face's Rust code. */
import { joinTexts } from '../sentencepiece/piece-list.ts'
import { buildPieceTrie, type PieceTrie } from '../sentencepiece/piece-trie.ts'
import { TokenizerError } from '../tokenizer-error.ts'
import { asFlag, asIndex, asList, asText, type JsonRecord } from './json-value.ts'
import { byteIdsOf, findByteIds, type TokenModel, type TokenRun } from './token-run.ts'

/** Score of an unknown character below the lowest piece score (nats). */
const UNKNOWN_PENALTY = 10

/**
 * The Unigram model as Hugging Face computes it: scores in double precision throughout, every entry of the vocabulary
 * matches text, and adjacent unknown characters are one token. (SentencePiece resolves some ties differently.)
 * @see https://github.com/huggingface/tokenizers/blob/main/tokenizers/src/models/unigram/model.rs
 */
export class UnigramModel implements TokenModel {
  readonly size: number
  private readonly pieces: string[] = []
  private readonly scores: Float64Array
  private readonly ids = new Map<string, number>()
  private readonly trie: PieceTrie
  private readonly unkId: number
  private readonly unkScore: number
  private readonly byteIds: Int32Array | undefined
  private best = new Float64Array(257)
  private from = new Int32Array(257)
  private piece = new Int32Array(257)

  /** @throws TokenizerError where the vocabulary is empty, or a score is not finite */
  constructor(model: JsonRecord) {
    const vocab = asList(model.vocab, 'model.vocab')
    if (vocab.length === 0) throw new TokenizerError('tokenizer.json: model.vocab is empty; one piece is needed')
    this.size = vocab.length
    this.scores = new Float64Array(vocab.length)
    let smallest = Number.POSITIVE_INFINITY
    vocab.forEach((entry, id) => {
      const where = `model.vocab[${id}]`
      const pair = asList(entry, where)
      const piece = asText(pair[0], `${where}[0]`)
      const score = pair[1]
      if (typeof score !== 'number' || !Number.isFinite(score)) {
        throw new TokenizerError(
          `tokenizer.json: ${where}[1] is ${String(score).slice(0, 40)}; a finite score is needed`,
        )
      }
      if (piece === '') throw new TokenizerError(`tokenizer.json: ${where} is an empty piece`)
      // Files written by Hugging Face may contain a piece twice; the last one matches text.
      this.ids.set(piece, id)
      this.pieces.push(piece)
      this.scores[id] = score
      smallest = Math.min(smallest, score)
    })
    const unk = model.unk_id
    this.unkId = unk === null || unk === undefined ? -1 : asIndex(unk, 'model.unk_id', vocab.length - 1)
    this.unkScore = smallest - UNKNOWN_PENALTY
    if (asFlag(model.byte_fallback, 'model.byte_fallback', false)) {
      this.byteIds = findByteIds((token) => this.ids.get(token))
    }
    this.trie = buildPieceTrie(joinTexts(this.pieces), Int32Array.from(this.ids.values()))
  }

  idOf(token: string): number | undefined {
    return this.ids.get(token)
  }

  tokenOf(id: number): string | undefined {
    return this.pieces[id]
  }

  tokenize(text: string, out: TokenRun, barred?: ReadonlySet<number>): void {
    const length = text.length
    this.reserve(length)
    const { base, check, value, codeOf } = this.trie
    const scores = this.scores
    const best = this.best
    const from = this.from
    const piece = this.piece
    from.fill(-1, 0, length + 1)
    best[0] = 0
    let next = 0
    for (let start = 0; start < length; start = next) {
      const unit = text.charCodeAt(start)
      next = start + (unit >= 0xd800 && unit < 0xdc00 && start + 1 < length ? 2 : 1)
      const here = best[start]
      let single = false
      let node = 0
      for (let end = start; end < length; ) {
        const child = base[node] + codeOf[text.charCodeAt(end)]
        if (check[child] !== node) break
        node = child
        end++
        const id = value[node]
        if (id < 0 || barred?.has(id)) continue
        const candidate = scores[id] + here
        if (from[end] < 0 || candidate > best[end]) {
          best[end] = candidate
          from[end] = start
          piece[end] = id
        }
        if (end === next) single = true
      }
      if (single) continue
      const candidate = this.unkScore + here
      if (from[next] < 0 || candidate > best[next]) {
        best[next] = candidate
        from[next] = start
        piece[next] = this.unkId
      }
    }
    this.emit(text, out, barred)
  }

  /** Appends the tokens of the best path; adjacent unknown characters are one token. */
  private emit(text: string, out: TokenRun, barred: ReadonlySet<number> | undefined): void {
    const path: number[] = []
    for (let end = text.length; end > 0; end = this.from[end]) path.push(end)
    let unknownFrom = -1
    let start = 0
    for (let k = path.length - 1; k >= 0; k--) {
      const end = path[k]
      const id = this.piece[end]
      if (id === this.unkId) {
        if (unknownFrom < 0) unknownFrom = start
        // Without an unknown piece, characters are not fused, and emitUnknown falls back to bytes or throws.
        if (this.unkId >= 0 && k > 0 && this.piece[path[k - 1]] === this.unkId) {
          start = end
          continue
        }
        this.emitUnknown(text, unknownFrom, end, out, barred)
        unknownFrom = -1
      } else out.push(id, start, end)
      start = end
    }
  }

  private emitUnknown(
    text: string,
    start: number,
    end: number,
    out: TokenRun,
    barred: ReadonlySet<number> | undefined,
  ): void {
    const surface = text.slice(start, end)
    const known = this.ids.get(surface)
    if (known !== undefined && !barred?.has(known)) {
      out.push(known, start, end)
      return
    }
    const bytes = this.byteIds && byteIdsOf(surface, this.byteIds)
    if (bytes) for (const id of bytes) out.push(id, start, end)
    else if (this.unkId >= 0) {
      out.spelt.set(out.count, surface)
      out.push(this.unkId, start, end)
    } else {
      throw new TokenizerError(
        `encode: ${JSON.stringify(surface.slice(0, 20))} is not in the vocabulary and the model has no unknown piece`,
      )
    }
  }

  private reserve(length: number): void {
    if (this.best.length > length) return
    const capacity = Math.max(length, this.best.length * 2) + 1
    this.best = new Float64Array(capacity)
    this.from = new Int32Array(capacity)
    this.piece = new Int32Array(capacity)
  }
}
