// One measurement in a process of its own: `child.ts load MODEL`, or `child.ts train unigram|bpe TEXT MODEL
// VOCABULARY_SIZE`.
import { readFileSync, writeFileSync } from 'node:fs'
import { loadTokenizer } from '@kumiki/tokenizer'
import { type TrainOptions, trainBpe, trainUnigram } from '@kumiki/tokenizer/train'

const [verb, ...rest] = process.argv.slice(2)
const collect = () => (globalThis as { gc?: () => void }).gc?.()

if (verb === 'load') {
  const bytes = readFileSync(rest[0])
  collect()
  const before = process.memoryUsage().rss
  const start = performance.now()
  const tokenizer = loadTokenizer(bytes)
  const loadMilliseconds = performance.now() - start
  tokenizer.encode('a')
  collect()
  process.stdout.write(JSON.stringify({ loadMilliseconds, bytesAfterLoad: process.memoryUsage().rss - before }))
} else {
  const [type, text, model, size] = rest
  const options: TrainOptions = {
    vocabSize: Number(size),
    characterCoverage: 0.9995,
    byteFallback: true,
    splitDigits: true,
    allowWhitespaceOnlyPieces: true,
    removeExtraWhitespaces: false,
  }
  const lines = readFileSync(text, 'utf8').replace(/\n$/, '').split('\n')
  const start = performance.now()
  writeFileSync(model, (type === 'bpe' ? trainBpe : trainUnigram)(lines, options))
  process.stdout.write(JSON.stringify({ trainSeconds: (performance.now() - start) / 1000 }))
}
