/** Reserved pieces (SentencePiece: meta pieces), which are not learnt. */
import { PieceType } from '../sentencepiece/model-file.ts'
import { TokenizerError } from '../tokenizer-error.ts'
import type { ResolvedOptions } from './options.ts'

/**
 * The reserved pieces by id: unknown, bos, eos and padding at the ids the options give; then control symbols,
 * user-defined symbols and bytes at the lowest free ids.
 * @throws TokenizerError where two have the same id or the same text, or an id is outside the vocabulary
 */
export function metaPieces(options: ResolvedOptions): Map<number, { piece: string; type: number }> {
  const byId = new Map<number, { piece: string; type: number }>()
  const texts = new Set<string>()
  const put = (option: string, id: number, piece: string, type: number) => {
    const taken = byId.get(id)
    if (taken)
      throw new TokenizerError(`train: id ${id} is wanted by ${taken.piece} and ${piece}; give each its own`, {
        option,
      })
    if (piece === '') throw new TokenizerError(`train: the piece for id ${id} is empty; it needs text`, { option })
    if (texts.has(piece))
      throw new TokenizerError(`train: the piece ${JSON.stringify(piece)} is requested twice`, { option })
    texts.add(piece)
    byId.set(id, { piece, type })
  }
  const special = [options.bosId, options.eosId, options.padId].filter((id) => id >= 0)
  put('unkId', options.unkId, options.unkPiece, PieceType.unknown)
  if (options.bosId >= 0) put('bosId', options.bosId, options.bosPiece, PieceType.control)
  if (options.eosId >= 0) put('eosId', options.eosId, options.eosPiece, PieceType.control)
  if (options.padId >= 0) put('padId', options.padId, options.padPiece, PieceType.control)
  let id = 0
  const listed = new Set<string>()
  const append = (option: string, piece: string, type: number) => {
    // As in spm_train: a symbol equal to the bos, eos or padding piece is that piece, with the type it is listed under.
    const known =
      listed.has(piece) || piece === options.unkPiece ? undefined : special.find((k) => byId.get(k)?.piece === piece)
    listed.add(piece)
    if (known !== undefined) {
      byId.set(known, { piece, type })
      return
    }
    while (byId.has(id)) id++
    put(option, id, piece, type)
  }
  for (const piece of options.controlSymbols) append('controlSymbols', piece, PieceType.control)
  for (const piece of options.userDefinedSymbols) append('userDefinedSymbols', piece, PieceType.userDefined)
  if (options.byteFallback) {
    for (let byte = 0; byte < 256; byte++) {
      append('byteFallback', `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`, PieceType.byte)
    }
  }
  let highest = 0
  for (const id of byId.keys()) highest = Math.max(highest, id)
  if (highest >= options.vocabSize) {
    throw new TokenizerError(
      `train: vocabSize is ${options.vocabSize}, but the pieces that are not learnt take ${byId.size} ids up to ${highest}`,
      { option: 'vocabSize' },
    )
  }
  return byId
}
