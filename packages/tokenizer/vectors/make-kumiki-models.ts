// Trains kumiki-unigram.model on corpus.txt: `npx tsx make-kumiki-models.ts`, then run make_vectors.py over it.
import { readFileSync, writeFileSync } from 'node:fs'
import { trainUnigram } from '../src/train.ts'

const folder = new URL('./', import.meta.url)
const lines = readFileSync(new URL('corpus.txt', folder), 'utf8').trimEnd().split('\n')
writeFileSync(
  new URL('kumiki-unigram.model', folder),
  trainUnigram(lines, {
    vocabSize: 800,
    characterCoverage: 1,
    byteFallback: true,
    removeExtraWhitespaces: false,
    userDefinedSymbols: ['<mask>'],
    padId: 3,
  }),
)
