/** The vocabulary of a BPE, WordPiece or WordLevel model in a tokenizer.json. */
import { TokenizerError } from '../tokenizer-error.ts'
import { asIndex, asRecord, type JsonRecord } from './json-value.ts'

/** Tokens by id, and ids by token. */
export class Vocabulary {
  readonly ids = new Map<string, number>()
  readonly tokens: string[] = []

  /** @throws TokenizerError where the vocabulary is empty, or ids are out of range or repeated */
  constructor(model: JsonRecord) {
    const vocab = asRecord(model.vocab, 'model.vocab')
    const names = Object.keys(vocab)
    if (names.length === 0) throw new TokenizerError('tokenizer.json: model.vocab is empty; one token is needed')
    const most = names.length * 8 + 0x10000
    for (const name of names) {
      const id = asIndex(vocab[name], `model.vocab[${JSON.stringify(name.slice(0, 40))}]`, most)
      if (this.tokens[id] !== undefined) {
        throw new TokenizerError(
          `tokenizer.json: id ${id} is both ${JSON.stringify(this.tokens[id])} and ${JSON.stringify(name)}`,
        )
      }
      this.tokens[id] = name
      this.ids.set(name, id)
    }
  }
}
