/** Tokenizer training: vocabulary, options, reproducibility, errors of wrong input. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { loadTokenizer } from '../src/index.ts'
import { TokenizerError, type TrainOptions, trainBpe, trainUnigram } from '../src/train.ts'
import { digamma } from '../src/training/maximisation.ts'

const lines = readFileSync(new URL('../vectors/corpus.txt', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
const OPTIONS: TrainOptions = {
  vocabSize: 800,
  characterCoverage: 1,
  byteFallback: true,
  removeExtraWhitespaces: false,
}
const piecesOf = (model: Uint8Array) => {
  const tokenizer = loadTokenizer(model)
  return Array.from({ length: tokenizer.vocabSize }, (_, id) => tokenizer.idToPiece(id))
}

/** A few thousand lines of few words: enough repetition for pruning to have something to do. */
function* composed(): Generator<string> {
  const parts = lines.flatMap((line) => line.split(' ')).filter((part) => /^[a-z]+$/.test(part))
  for (let i = 0; i < 3000; i++) yield [7, 11, 13, 17].map((step) => parts[(i * step) % parts.length]).join(' ')
}

describe('trainUnigram', () => {
  const model = trainUnigram(lines, OPTIONS)
  const tokenizer = loadTokenizer(model)

  test('the vocabulary has the size asked for, with the reserved pieces first', () => {
    expect(tokenizer.vocabSize).toBe(800)
    expect(piecesOf(model).slice(0, 5)).toEqual(['<unk>', '<s>', '</s>', '<0x00>', '<0x01>'])
    expect([tokenizer.unkId, tokenizer.bosId, tokenizer.eosId, tokenizer.padId]).toEqual([0, 1, 2, -1])
  })

  test('text comes back, and takes fewer ids than characters', () => {
    let ids = 0
    let characters = 0
    for (const line of [...lines, '  見たことのない字 鱻 と 😀\t\n']) {
      const encoded = tokenizer.encode(line)
      expect(tokenizer.decode(encoded)).toBe(line)
      ids += encoded.length
      characters += [...line].length
    }
    expect(characters / ids).toBeGreaterThan(1.5)
  })

  test('the same lines and options give the same bytes', () => {
    expect(trainUnigram(lines, OPTIONS)).toEqual(model)
    expect(trainUnigram(lines.values(), OPTIONS)).toEqual(model)
  })

  test('learns the pieces it learnt when the vectors were made', () => {
    const before = piecesOf(readFileSync(new URL('../vectors/kumiki-unigram.model', import.meta.url)))
    const now = piecesOf(trainUnigram(lines, { ...OPTIONS, userDefinedSymbols: ['<mask>'], padId: 3 }))
    const known = new Set(before)
    const common = now.filter((piece) => known.has(piece)).length
    expect(common).toBeGreaterThanOrEqual(796)
  })

  test('splitDigits: no learnt piece has a digit beside something else', () => {
    const pieces = piecesOf(trainUnigram(lines, { ...OPTIONS, vocabSize: 760, splitDigits: true })).slice(259)
    expect(pieces.filter((piece) => /\d/.test(piece) && piece.length > 1)).toEqual([])
  })

  test('splitByUnicodeScript and splitByWhitespace', () => {
    const strict = piecesOf(model).slice(259)
    expect(strict.filter((piece) => /\p{Script=Han}/u.test(piece) && /\p{Script=Latin}/u.test(piece))).toEqual([])
    expect(strict.filter((piece) => piece.lastIndexOf('▁') > 0)).toEqual([])
    const loose = piecesOf(trainUnigram(lines, { ...OPTIONS, splitByWhitespace: false, splitByUnicodeScript: false }))
    expect(loose.some((piece) => /[a-z]▁[a-z]/.test(piece))).toBe(true)
    expect(loose.filter((piece) => piece.length > 1 && piece.endsWith('▁'))).toEqual([])
  })

  test('allowWhitespaceOnlyPieces', () => {
    const indented = [...lines, ...lines.map((line, i) => ' '.repeat(4 * (i % 4)) + line)]
    const has = (allowWhitespaceOnlyPieces: boolean) =>
      piecesOf(trainUnigram(indented, { ...OPTIONS, allowWhitespaceOnlyPieces })).some((piece) => /^▁▁+$/.test(piece))
    expect(has(true)).toBe(true)
    expect(has(false)).toBe(false)
  })

  test('reserved pieces where the options put them', () => {
    const { idToPiece, ...rest } = loadTokenizer(
      trainUnigram(lines, {
        ...OPTIONS,
        unkId: 5,
        bosId: -1,
        eosId: 0,
        padId: 1,
        padPiece: '[PAD]',
        controlSymbols: ['<eod>'],
        userDefinedSymbols: ['<sep>', '日本語'],
      }),
    )
    expect(rest).toMatchObject({ unkId: 5, bosId: -1, eosId: 0, padId: 1, vocabSize: 800 })
    const pieces = piecesOf(
      trainUnigram(lines, { ...OPTIONS, userDefinedSymbols: ['日本語'], controlSymbols: ['<eod>'] }),
    )
    expect(pieces.slice(3, 6)).toEqual(['<eod>', '日本語', '<0x00>'])
    expect(pieces.filter((piece) => piece.includes('日本語'))).toEqual(['日本語'])
  })

  test('without bytes, a rare character is unknown', () => {
    const covered = loadTokenizer(trainUnigram(lines, { vocabSize: 400, characterCoverage: 0.95 }))
    expect(covered.encode('鱻')).toContain(covered.unkId)
    expect(covered.vocabSize).toBe(400)
  })

  test('a symbol that is the piece of the end is that piece, as in spm_train', () => {
    const at = (options: Partial<TrainOptions>) => loadTokenizer(trainUnigram(lines, { ...OPTIONS, ...options }))
    const model = at({ userDefinedSymbols: ['</s>', 'a1'] })
    expect([model.idToPiece(2), model.idToPiece(3), model.eosId, model.bosId]).toEqual(['</s>', 'a1', -1, 1])
    expect(model.encodeWithOffsets('a</s>b').pieces).toEqual(['▁a', '</s>', 'b'])
    expect(at({ controlSymbols: ['</s>', '<q>'] }).idToPiece(3)).toBe('<q>')
    expect(at({ userDefinedSymbols: ['<pad>'], padId: 3 }).padId).toBe(-1)
  })

  test('progress is told', () => {
    const phases = new Set<string>()
    trainUnigram(composed(), { vocabSize: 100, onProgress: ({ phase }) => phases.add(phase) })
    expect([...phases]).toEqual(['read', 'seed', 'estimate', 'prune', 'finish'])
  })

  test('what cannot be met is said', () => {
    const fails = (options: Partial<TrainOptions>, message: RegExp, text: Iterable<string> = lines) => {
      expect(() => trainUnigram(text, { ...OPTIONS, ...options })).toThrow(TokenizerError)
      expect(() => trainUnigram(text, { ...OPTIONS, ...options })).toThrow(message)
    }
    fails({ vocabSize: 300 }, /characters and 259 reserved pieces need \d+; raise vocabSize/)
    fails({ vocabSize: 100 }, /not learnt take 259 ids/)
    fails({ vocabSize: 50_000 }, /gives only \d+ pieces/)
    fails({ vocabSize: Number.NaN }, /vocabSize is NaN/)
    fails({ shrinkFactor: 1 }, /shrinkFactor is 1/)
    fails({ bosId: 0 }, /id 0 is wanted by <unk> and <s>/)
    fails({ userDefinedSymbols: ['<unk>'] }, /"<unk>" is requested twice/)
    fails({ userDefinedSymbols: ['</s>', '</s>'] }, /"<\/s>" is requested twice/)
    fails({ userDefinedSymbols: ['x'], controlSymbols: ['x'] }, /"x" is requested twice/)
    fails({ vocab_size: 9 } as object, /no option vocab_size; the nearest is vocabSize/)
    fails({ byteFalback: true } as object, /the nearest is byteFallback/)
    fails({}, /lines is one string; give a list/, 'a string')
    fails({}, /lines is number/, 5 as unknown as string[])
    fails({ normalization: 'nfd' as 'identity' }, /normalization is "nfd"/)
    fails({}, /no text/, [])
    fails({}, /line 0 is number/, [1] as unknown as string[])
    expect(
      loadTokenizer(trainUnigram(lines, { ...OPTIONS, vocabSize: 50_000, hardVocabLimit: false })).vocabSize,
    ).toBeLessThan(5000)
  })

  test('one long line without a place to cut', () => {
    const long = lines
      .join('')
      .replaceAll(/[\p{P}\p{Z}\p{S}]/gu, '')
      .repeat(3)
    const loose = trainUnigram([long], { ...OPTIONS, splitByUnicodeScript: false })
    expect(loadTokenizer(loose).vocabSize).toBe(800)
  })
})

describe('trainBpe', () => {
  const model = trainBpe(lines, OPTIONS)
  const tokenizer = loadTokenizer(model)

  test('a vocabulary of the size asked for, that gives text back', () => {
    expect(tokenizer.modelType).toBe('bpe')
    expect(tokenizer.vocabSize).toBe(800)
    for (const line of [...lines, '  見たことのない字 鱻 と 😀\t\n'])
      expect(tokenizer.decode(tokenizer.encode(line))).toBe(line)
  })

  test('the same lines and options give the same bytes, wherever they are trained', () => {
    expect(trainBpe(lines, OPTIONS)).toEqual(model)
    // Only counts decide, so unlike probabilities the result depends on no arithmetic.
    const before = readFileSync(new URL('../vectors/kumiki-bpe.model', import.meta.url))
    expect(trainBpe(lines, { ...OPTIONS, userDefinedSymbols: ['<mask>'], padId: 3 })).toEqual(new Uint8Array(before))
  })

  test('merges in order of frequency, the shorter and the lesser first among equals', () => {
    const pieces = piecesOf(trainBpe(['ab ab ab abc abc xy xy'], { vocabSize: 14, characterCoverage: 1 })).slice(3)
    expect(pieces).toEqual(['ab', '▁ab', 'xy', '▁xy', '▁abc', '▁', 'a', 'b', 'c', 'x', 'y'])
  })

  test('pieces stay inside words and scripts, and as short as asked', () => {
    const pieces = piecesOf(
      trainBpe(lines, { ...OPTIONS, vocabSize: 780, splitDigits: true, maxPieceLength: 4 }),
    ).slice(259)
    expect(pieces.filter((piece) => [...piece].length > 4)).toEqual([])
    expect(pieces.filter((piece) => piece.lastIndexOf('▁') > 0)).toEqual([])
    expect(pieces.filter((piece) => /\d/.test(piece) && piece.length > 1)).toEqual([])
  })

  test('a run of one character', () => {
    const run = loadTokenizer(
      trainBpe(['aaaaaaaa', 'aaa', 'aaaa'], { vocabSize: 7, hardVocabLimit: false, addDummyPrefix: false }),
    )
    for (let n = 1; n < 20; n++) expect(run.decode(run.encode('a'.repeat(n)))).toBe('a'.repeat(n))
  })

  test('what cannot be met is said', () => {
    expect(() => trainBpe(lines, { ...OPTIONS, vocabSize: 300 })).toThrow(/raise vocabSize/)
    expect(() => trainBpe(lines, { ...OPTIONS, vocabSize: 50_000 })).toThrow(/gives only \d+ pieces/)
  })
})

test('digamma', () => {
  // -Euler's gamma, and values from tables (Abramowitz and Stegun, table 6.1).
  expect(digamma(1)).toBeCloseTo(-0.5772156649015329, 13)
  expect(digamma(0.5)).toBeCloseTo(-1.9635100260214235, 13)
  expect(digamma(10)).toBeCloseTo(2.251752589066721, 13)
  expect(digamma(1e6)).toBeCloseTo(Math.log(1e6) - 0.5e-6, 12)
})
