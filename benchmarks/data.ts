/**
 * Batches for training: opening a dataset of 10^9 tokens, and assembling batches from token files (`streamBatches`,
 * `megatronBatches`) and from memory (`batches`), in tokens per second of one processor core. Of each source the first
 * batch is checked: every target must be the id that follows its input.
 *
 *     node --conditions=source --import tsx benchmarks/data.ts
 *     node --conditions=source --import tsx benchmarks/data.ts --tokens 1e8 --rounds 3 --json
 */
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { batches, encodeIndex, megatronBatches, streamBatches } from '@kumiki/data'
import { openIndexedDataset } from '@kumiki/data/node'
import { countOf, parseArgs } from './common/options.ts'
import { processorName } from './common/processor.ts'
import { provenance } from './common/provenance.ts'
import { medianOf } from './common/statistics.ts'

const { values: options } = parseArgs({
  options: {
    tokens: { type: 'string', default: '1e9' },
    /** Tokens in a document, on average. */
    length: { type: 'string', default: '500' },
    rounds: { type: 'string', default: '7' },
    json: { type: 'boolean', default: false },
  },
})
const tokens = countOf('tokens', options.tokens)
const length = countOf('length', options.length)
const rounds = countOf('rounds', options.rounds)
const [sequenceLength, batchSize, vocabSize] = [4096, 8, 60_000]
/** Tokens that a round reads. */
const perRound = Math.min(tokens, 4e7)

const folder = mkdtempSync(join(tmpdir(), 'kumiki-data-'))
const prefix = join(folder, 'corpus')
/** The id at a position of the corpus: consecutive positions have different ids, so that a shifted batch is noticed. */
const idAt = (position: number) => (position * 7919) % vocabSize

function write(): void {
  const lengths = new Int32Array(Math.max(1, Math.round(tokens / length)))
  for (let i = 0, left = tokens; i < lengths.length; i++) {
    lengths[i] =
      i === lengths.length - 1 ? left : Math.min(left, Math.round(length / 2) + ((i * 2_654_435_761) % length))
    left -= lengths[i]
  }
  const idx = openSync(`${prefix}.idx`, 'w')
  writeSync(idx, encodeIndex(lengths, vocabSize))
  closeSync(idx)
  const bin = openSync(`${prefix}.bin`, 'w')
  const part = new Uint16Array(2 ** 20)
  for (let at = 0; at < tokens; at += part.length) {
    const count = Math.min(part.length, tokens - at)
    for (let i = 0; i < count; i++) part[i] = idAt(at + i)
    writeSync(bin, new Uint8Array(part.buffer, 0, 2 * count))
  }
  ftruncateSync(bin, 2 * tokens)
  closeSync(bin)
}

interface Source {
  next(): IteratorResult<{ readonly inputs: Int32Array; readonly targets: Int32Array }, undefined>
}

function report(row: string, seconds: readonly number[], count: number): void {
  const median = medianOf(seconds)
  const entry = {
    row,
    tokens,
    ...(count > 0 && { tokensPerSecond: Math.round(count / median) }),
    secondsMedian: median,
    secondsBest: Math.min(...seconds),
    processor: processorName(),
    ...provenance(['data']),
    rounds: seconds,
  }
  if (options.json) console.log(JSON.stringify(entry))
  const speed = count > 0 ? `${(count / median / 1e6).toFixed(0)} M tokens/s` : `${median.toFixed(3)} s`
  console.error(`${row.padEnd(44)} ${speed.padStart(18)}`)
}

/** Processor seconds of this process, garbage collection included. Other processes on the machine are not counted. */
function cpuSeconds(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6
}

function check(source: Source, row: string): void {
  const { inputs, targets } = source.next().value!
  for (let i = 0; i < inputs.length; i++)
    if ((i + 1) % sequenceLength !== 0 && inputs[i + 1] !== targets[i])
      throw new Error(`${row}: target ${i} is not the next id`)
  if (!inputs.some((id) => id !== inputs[0])) throw new Error(`${row}: all ids are ${inputs[0]}`)
}

try {
  write()
  const opened: number[] = []
  for (let i = 0; i < rounds; i++) {
    const began = performance.now()
    using dataset = await openIndexedDataset(prefix)
    streamBatches({ dataset, sequenceLength, batchSize }).next()
    opened.push((performance.now() - began) / 1000)
  }
  report('open, and the first batch', opened, 0)
  using dataset = await openIndexedDataset(prefix)
  const steps = Math.floor(perRound / (batchSize * sequenceLength))
  const inMemory: Int32Array[] = []
  for (let i = 0, held = 0; i < dataset.documentCount && held < perRound; i++) {
    inMemory.push(dataset.document(i))
    held += inMemory[i].length
  }
  const sources: Record<string, Source> = {
    'streamBatches, token files': streamBatches({ dataset, sequenceLength, batchSize, seed: 1 }),
    'megatronBatches, token files': megatronBatches({
      datasets: [{ name: 'corpus', ...dataset }],
      sequenceLength,
      batchSize,
      samples: batchSize * steps * (rounds + 1) + batchSize,
      split: null,
    }),
    'batches, in memory': batches({ documents: inMemory, sequenceLength, batchSize, eosId: 0, seed: 1 }),
  }
  for (const [row, source] of Object.entries(sources)) check(source, row)
  const seconds = new Map(Object.keys(sources).map((row) => [row, [] as number[]]))
  for (let round = 0; round < rounds; round++)
    for (const [row, source] of Object.entries(sources))
      seconds.get(row)!.push(
        cpuSeconds(() => {
          for (let step = 0; step < steps; step++) source.next()
        }),
      )
  for (const [row, of] of seconds) report(row, of, steps * batchSize * sequenceLength)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
