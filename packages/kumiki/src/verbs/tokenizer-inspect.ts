/** `kumiki tokenizer inspect`: describes a tokenizer, and tokenizes a text. */
import type { HuggingFaceTokenizer } from '@kumiki/tokenizer/huggingface'
import { count, textFields, textTable } from '../output/text-table.ts'
import { checkedUse } from '../usage-error.ts'
import { answer } from '../verb.ts'
import { openAnyTokenizer } from './tokenizer-files.ts'

export async function inspect(options: { model: string; text?: string; json?: boolean }): Promise<void> {
  const tokenizer = await openAnyTokenizer(options.model)
  if ('encodeFull' in tokenizer) return inspectJson(tokenizer, options)
  const { modelType, vocabSize, bosId, eosId, unkId, padId } = tokenizer
  const facts = { model: options.model, type: modelType, vocabSize, bosId, eosId, unkId, padId }
  const cut =
    options.text === undefined ? undefined : checkedUse(() => tokenizer.encodeWithOffsets(options.text as string))
  const pieces = cut && Array.from(cut.ids, (id, i) => ({ id, piece: cut.pieces[i], offset: cut.offsets[i] }))
  answer(options, pieces ? { ...facts, pieces } : facts, () => {
    const special = (id: number) => (id < 0 ? 'none' : `${id} ${tokenizer.idToPiece(id)}`)
    const fields = textFields([
      ['type', modelType],
      ['pieces', count(vocabSize)],
      ['BOS', special(bosId)],
      ['EOS', special(eosId)],
      ['unknown', special(unkId)],
      ['padding', special(padId)],
    ])
    if (!pieces) return fields
    return `${fields}\n\n${pieceTable(pieces)}`
  })
}

/** Describes a tokenizer.json. */
function inspectJson(tokenizer: HuggingFaceTokenizer, options: { model: string; text?: string; json?: boolean }): void {
  const { modelType, vocabSize, truncation, padding } = tokenizer
  const specialTokens = tokenizer.specialTokens()
  const facts = { model: options.model, type: modelType, vocabSize, specialTokens, truncation, padding }
  const cut =
    options.text === undefined ? undefined : checkedUse(() => tokenizer.encodeWithOffsets(options.text as string))
  const pieces = cut && Array.from(cut.ids, (id, i) => ({ id, piece: cut.pieces[i], offset: cut.offsets[i] }))
  answer(options, pieces ? { ...facts, pieces } : facts, () => {
    const fields = textFields([
      ['type', `${modelType} (tokenizer.json)`],
      ['tokens', count(vocabSize)],
      [
        'special tokens',
        specialTokens.length > 8
          ? `${specialTokens.slice(0, 8).join(' ')} and ${count(specialTokens.length - 8)} more`
          : specialTokens.join(' ') || 'none',
      ],
      ['truncation', truncation ? `to ${truncation.maxLength} tokens` : 'none'],
      [
        'padding',
        padding
          ? `with ${padding.token} (${padding.id}) to ${padding.length === 'longest' ? 'the longest' : padding.length}`
          : 'none',
      ],
    ])
    if (!pieces) return fields
    return `${fields}\n\n${pieceTable(pieces)}`
  })
}

function pieceTable(pieces: readonly { id: number; piece: string; offset: readonly number[] }[]): string {
  return textTable(
    ['piece', 'id', 'offset'],
    pieces.map(({ piece, id, offset }) => [piece, String(id), offset.join('-')]),
  )
}
