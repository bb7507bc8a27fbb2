// Trains the kumiki-*.model of this folder on corpus.txt: `npx tsx make-kumiki-models.ts`. Then run make_vectors.py.
import { readFileSync, writeFileSync } from 'node:fs'
import { type TrainOptions, trainBpe, trainUnigram } from '../src/train.ts'

const folder = new URL('./', import.meta.url)
const lines = readFileSync(new URL('corpus.txt', folder), 'utf8').trimEnd().split('\n')
const options: TrainOptions = {
  vocabSize: 800,
  characterCoverage: 1,
  byteFallback: true,
  removeExtraWhitespaces: false,
  userDefinedSymbols: ['<mask>'],
  padId: 3,
}
writeFileSync(new URL('kumiki-unigram.model', folder), trainUnigram(lines, options))
writeFileSync(new URL('kumiki-bpe.model', folder), trainBpe(lines, options))
const rules = new Map([
  ['a', 'A'],
  ['ab', 'X Y'],
  ['abc', ''],
  ['が', 'か\u3099'],
  ['\u3000', ' '],
  ['㈱', '(株)'],
  ['𠮷', '吉'],
])
const userDefinedSymbols = ['<mask>', 'abd']
writeFileSync(
  new URL('kumiki-rules.model', folder),
  trainUnigram(lines, {
    ...options,
    vocabSize: 700,
    removeExtraWhitespaces: true,
    userDefinedSymbols,
    normalization: rules,
  }),
)
writeFileSync(
  new URL('kumiki-suffix.model', folder),
  trainBpe(lines, { ...options, vocabSize: 700, treatWhitespaceAsSuffix: true }),
)
