/** Training that spills to disk: the same model, also when interrupted and resumed. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { reestimateScores, type TrainOptions, trainBpe, trainUnigram } from '../src/train.ts'
import { BlockWriter } from '../src/training/blocks.ts'
import { lengthOf, sortedSuffixes, weightOf } from '../src/training/suffixes.ts'
import { reestimateSpilled, trainSpilled } from '../src/training/train-spilled.ts'
import { MemoryDisk } from './memory-disk.ts'

const corpus = readFileSync(new URL('../vectors/corpus.txt', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
const OPTIONS: TrainOptions = { vocabSize: 250, removeExtraWhitespaces: false, hardVocabLimit: false }

/** Lines of words, some far more frequent than others, as in a language. */
function composed(count: number, seed = 1): string[] {
  const words = corpus.flatMap((line) => line.match(/[a-z]+|[\u3040-\u30ff]{2,6}/g) ?? [])
  let state = seed
  const word = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return words[Math.floor((state / 2 ** 32) ** 4 * words.length)]
  }
  return Array.from({ length: count }, () => [word(), word() + word()].join(' '))
}

const inMemory = { unigram: trainUnigram, bpe: trainBpe }
const lines = composed(900)
const budgets = { unigram: [20_000, 1_000_000], bpe: [80_000, 1_000_000] }

describe.each(['unigram', 'bpe'] as const)('%s under a ceiling', (type) => {
  const wanted = inMemory[type](lines, OPTIONS)
  const made = (disk: MemoryDisk, kind: string) => disk.written.filter((name) => name.startsWith(`${kind}-`)).length

  test('the same model, byte for byte, however often it spills', async () => {
    for (const budget of budgets[type]) {
      const disk = new MemoryDisk()
      expect(await trainSpilled(lines, type, OPTIONS, disk.workspace(budget))).toEqual(wanted)
      const spills = made(disk, 'counts') > 4
      const stages = type === 'bpe' ? made(disk, 'merged') > 1 : made(disk, 'order') > 1
      expect([budget, spills, stages]).toEqual([budget, budget < 100_000, budget < 100_000])
    }
  })

  test('ended anywhere, it goes on to the same model', async () => {
    const budget = type === 'bpe' ? 80_000 : 20_000
    const whole = new MemoryDisk()
    await trainSpilled(lines, type, OPTIONS, whole.workspace(budget))
    const steps = Number.MAX_SAFE_INTEGER - whole.endAfter
    for (const share of [0.1, 0.6, 1]) {
      const disk = new MemoryDisk()
      disk.endAfter = Math.floor(share * steps) - 1
      await expect(trainSpilled(lines, type, OPTIONS, disk.workspace(budget))).rejects.toThrow('ended')
      disk.endAfter = Number.MAX_SAFE_INTEGER
      const read: string[] = []
      expect(await trainSpilled(counted(lines, read), type, OPTIONS, disk.workspace(budget))).toEqual(wanted)
      // What had been read before is not read again.
      if (share === 1) expect(read).toEqual([])
    }
  })
})

test('scores estimated under a ceiling: the same file, also when ended and begun again', async () => {
  const model = trainUnigram(lines.slice(0, 200), { ...OPTIONS, userDefinedSymbols: ['ee'] })
  const options = { iterations: 2, countVocabulary: true }
  const wanted = reestimateScores(model, lines, options)
  const whole = new MemoryDisk()
  expect(await reestimateSpilled(model, lines, options, whole.workspace(20_000))).toEqual(wanted)
  expect(whole.written.filter((name) => name.startsWith('counts-')).length).toBeGreaterThan(4)
  const steps = Number.MAX_SAFE_INTEGER - whole.endAfter
  for (const share of [0.3, 0.7, 1]) {
    const disk = new MemoryDisk()
    disk.endAfter = Math.floor(share * steps) - 1
    await expect(reestimateSpilled(model, lines, options, disk.workspace(20_000))).rejects.toThrow('ended')
    disk.endAfter = Number.MAX_SAFE_INTEGER
    expect(await reestimateSpilled(model, lines, options, disk.workspace(20_000))).toEqual(wanted)
  }
})

function* counted(lines: readonly string[], read: string[]): Generator<string> {
  for (const line of lines) {
    read.push(line)
    yield line
  }
}

test('a ceiling that is too low for what must be held is said', async () => {
  const little = { ...new MemoryDisk().workspace(60_000), ceiling: 60_000 }
  await expect(trainSpilled(lines, 'unigram', OPTIONS, little)).rejects.toThrow(
    /memory is too little to estimate \d+ candidates .*seedSize of at most \d+/,
  )
  await expect(trainSpilled(lines, 'bpe', OPTIONS, new MemoryDisk().workspace(20_000))).rejects.toThrow(
    /memory is too little for BPE on this text/,
  )
})

test('suffixes come in order, whatever fits in a block', () => {
  const texts = [
    [3, 1, 2, 3, 1],
    [3, 1],
    [1, 1, 1, 1, 1, 1, 1],
    [2, 3, 1, 2],
  ]
  const writer = new BlockWriter(5)
  texts.forEach((codes, k) => {
    for (const follower of [0, 1, 4]) {
      for (const code of codes) writer.push(code)
      writer.push(follower)
      writer.end(2 ** 31 * k + 1)
    }
  })
  const followed = writer.finish()
  /** Weights of suffixes that are alike are added: in small blocks those come as one. */
  const added = (capacity: number) => {
    const weights = new Map<string, number>()
    for (const block of sortedSuffixes(followed, 5, 4, capacity)) {
      for (const at of block.order.subarray(0, block.size)) {
        const key = block.codes.subarray(at, at + Math.min(lengthOf(block, at) + 2, 6)).join(' ')
        weights.set(key, (weights.get(key) ?? 0) + weightOf(block, at))
      }
    }
    return [...weights]
  }
  const whole = added(1e6)
  expect(whole.map(([key]) => key)).toEqual(whole.map(([key]) => key).sort())
  expect(whole.reduce((sum, [, weight]) => sum + weight, 0)).toBe(
    texts.reduce((sum, codes, k) => sum + 3 * codes.length * (2 ** 31 * k + 1), 0),
  )
  for (const capacity of [9, 20, 64, 200]) expect(added(capacity)).toEqual(whole)
})
