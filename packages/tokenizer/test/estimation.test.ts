/** Scores re-estimated by SentencePiece's EM, fixed pieces, and training in stages. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { loadTokenizer } from '../src/index.ts'
import { PieceType } from '../src/sentencepiece/model-file.ts'
import { readModelFile } from '../src/sentencepiece/model-reader.ts'
import { llmJpFixedScore, reestimateScores, TokenizerError, trainBpe, trainStaged, trainUnigram } from '../src/train.ts'

const folder = new URL('../vectors/', import.meta.url)
const lines = readFileSync(new URL('corpus.txt', folder), 'utf8').trimEnd().split('\n')
const model = new Uint8Array(readFileSync(new URL('unigram.model', folder)))
const isJapanese = (line: string) => /[\u3040-\u30ff\u4e00-\u9fff]/.test(line)

describe('reestimateScores', () => {
  const wanted = JSON.parse(readFileSync(new URL('estimation/reestimated.json', folder), 'utf8')) as {
    texts: string[]
    ids: number[]
    scores: number[][]
  }

  test('gives the scores that all segmentations by SentencePiece give, round after round', () => {
    wanted.scores.forEach((scores, k) => {
      const { scores: found } = readModelFile(reestimateScores(model, wanted.texts, { iterations: k + 1 })).pieces
      let furthest = 0
      wanted.ids.forEach((id, i) => {
        furthest = Math.max(furthest, Math.abs(found[id] - scores[i]))
      })
      // SentencePiece sums in single precision.
      expect(furthest).toBeLessThan(2e-4)
    })
  })

  test('changes nothing else', () => {
    const read = (file: Uint8Array) => {
      const { pieces, ...others } = readModelFile(file)
      return { pieces: [...pieces], others }
    }
    const before = read(model)
    const after = read(reestimateScores(model, lines))
    expect(after.others).toEqual(before.others)
    expect(after.pieces.map(({ piece, type }) => ({ piece, type }))).toEqual(
      before.pieces.map(({ piece, type }) => ({ piece, type })),
    )
    const others = (file: typeof before) => file.pieces.filter(({ type }) => type !== PieceType.normal)
    expect(others(after)).toEqual(others(before))
    const sum = after.pieces
      .filter(({ type }) => type === PieceType.normal)
      .reduce((total, { score }) => total + Math.exp(score), 0)
    expect(sum).toBeCloseTo(1, 5)
  })

  test('fixed scores, and every piece seen once', () => {
    const estimated = reestimateScores(model, lines, {
      countVocabulary: true,
      fixedScore: (piece) => (piece === '<s>' ? -127.5 : llmJpFixedScore(piece)),
    })
    const pieces = [...readModelFile(estimated).pieces]
    const scoreOf = (text: string) => pieces.find(({ piece }) => piece === text)?.score
    expect([scoreOf('<s>'), scoreOf('▁')]).toEqual([-127.5, -15])
    expect(llmJpFixedScore('▁▁▁▁')).toBe(-37.5)
    expect(llmJpFixedScore('▁a')).toBeUndefined()
  })

  test('what cannot be met is said', () => {
    const bpe = trainBpe(lines, { vocabSize: 500 })
    expect(() => reestimateScores(bpe, lines)).toThrow(/the model is bpe; a unigram model is needed/)
    expect(() => reestimateScores(model, [])).toThrow(/no text/)
    expect(() => reestimateScores(model, lines, { iterations: 0 })).toThrow(/iterations is 0/)
    expect(() => reestimateScores(model.subarray(0, 100), lines)).toThrow(TokenizerError)
    expect(() => reestimateScores(model, lines, { fixedScore: () => Number.NaN })).toThrow(/fixedScore gives NaN/)
  })
})

describe('fixedPieces', () => {
  test('stay, however rare they are', () => {
    const fixedPieces = ['▁quux', '龘龘', 'xyzzyxyzzy', 'の', '言語モデル', '▁▁▁▁']
    const tokenizer = loadTokenizer(trainUnigram(lines, { vocabSize: 600, fixedPieces }))
    expect(tokenizer.vocabSize).toBe(600)
    for (const piece of fixedPieces) expect(tokenizer.idToPiece(tokenizer.pieceToId(piece))).toBe(piece)
    expect(tokenizer.encodeWithOffsets('言語モデル xyzzyxyzzy').pieces).toContain('xyzzyxyzzy')
  })

  test('what cannot be met is said', () => {
    const fails = (fixedPieces: string[], message: RegExp, vocabSize = 600) =>
      expect(() => trainUnigram(lines, { vocabSize, fixedPieces })).toThrow(message)
    fails(['a', ''], /fixedPieces\[1\] is ""/)
    fails(['a b'], /spaces as U\+2581/)
    fails(['ab', 'ab'], /fixedPieces\[1\] is "ab" once more/)
    fails(
      Array.from({ length: 700 }, (_, k) => `p${k}`),
      /characters and fixed pieces/,
    )
  })
})

describe('trainStaged', () => {
  const english = lines.filter((line) => !isJapanese(line))
  const japanese = lines.filter(isJapanese)
  const stages: string[] = []
  const staged = trainStaged({
    fixedPieces: ['▁▁▁▁', '▁▁', '▁the'],
    stages: [
      { name: 'english', lines: english, size: 300 },
      { name: 'japanese', lines: japanese, size: 650, keep: (piece) => !/[0-9a-zA-Z]/.test(piece) && piece.length < 5 },
      { name: 'characters', add: ['亜', '唖', '\ufe0e'], head: 700 },
    ],
    estimateLines: lines,
    byteFallback: true,
    removeExtraWhitespaces: false,
    controlSymbols: ['<MASK>'],
    onStage: ({ name }) => stages.push(name),
  })
  const pieces = [...readModelFile(staged).pieces]

  test('every stage adds to what is there, and chooses', () => {
    expect(stages).toEqual(['english', 'japanese', 'characters', 'estimate'])
    const learnt = pieces.filter(({ type }) => type === PieceType.normal).map(({ piece }) => piece)
    expect(learnt.slice(0, 3)).toEqual(['▁▁▁▁', '▁▁', '▁the'])
    expect(learnt.slice(-3)).toEqual(['亜', '唖', '\ufe0e'])
    expect(new Set(learnt).size).toBe(learnt.length)
    expect(learnt.filter(isJapanese).every((piece) => piece.length < 5)).toBe(true)
    expect(learnt.filter((piece) => isJapanese(piece) && piece.length > 1).length).toBeGreaterThan(20)
    expect(learnt.filter((piece) => /^▁?[a-z]{3,}$/.test(piece)).length).toBeGreaterThan(30)
    expect(pieces.slice(0, 5).map(({ piece }) => piece)).toEqual(['<unk>', '<s>', '</s>', '<MASK>', '<0x00>'])
  })

  test('scores are of all the text, runs of spaces as LLM-jp has them', () => {
    expect(pieces.find(({ piece }) => piece === '▁▁▁▁')?.score).toBe(-37.5)
    const tokenizer = loadTokenizer(staged)
    for (const line of lines) expect(tokenizer.decode(tokenizer.encode(line))).toBe(line)
    expect(tokenizer.encodeWithOffsets('the carpenter').pieces[0]).toBe('▁the')
  })

  test('what cannot be met is said, with the stage', () => {
    const fails = (stage: object, message: RegExp) =>
      expect(() => trainStaged({ stages: [{ name: 'one', ...stage }], estimateLines: lines })).toThrow(message)
    fails({ lines }, /stage "one": it has lines, but no size/)
    fails({ lines, size: 10 }, /stage "one": train: vocabSize is 11/)
    fails({ add: ['a'], head: 0 }, /stage "one": head is 0/)
    expect(() => trainStaged({ stages: [], estimateLines: lines })).toThrow(/no stages and no pieces/)
  })
})
