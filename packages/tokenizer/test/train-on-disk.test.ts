/** Training under a memory limit: the same model, resumable, with errors of wrong input. */
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { SpillFolder } from '../src/load/spill-folder.ts'
import { trainOnDisk, trainStagedOnDisk } from '../src/node.ts'
import { trainStaged, trainUnigram } from '../src/train.ts'

// Training collects garbage after each phase. In a process that tests share this takes longer than training.
beforeAll(() => {
  vi.spyOn(SpillFolder.prototype, 'collect').mockImplementation(() => {})
})
afterAll(() => vi.restoreAllMocks())

const folder = mkdtempSync(join(tmpdir(), 'kumiki-on-disk-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const text = new URL('../vectors/corpus.txt', import.meta.url)
const lines = readFileSync(text, 'utf8').trimEnd().split('\n').slice(0, 30)
const options = { vocabSize: 300, hardVocabLimit: false }
const memory = 4 * 2 ** 30

async function* slowly(): AsyncGenerator<string> {
  yield* lines
}

test('the model of training in memory; the folder is gone when it is written', async () => {
  const output = join(folder, 'own.model')
  const work = join(folder, 'work')
  const model = await trainOnDisk(slowly(), { ...options, type: 'unigram', memory, folder: work, output })
  expect(model).toEqual(trainUnigram(lines, options))
  expect(new Uint8Array(readFileSync(output))).toEqual(model)
  expect(existsSync(work)).toBe(false)
})

test('what cannot be met is said before anything is read', async () => {
  const fails = async (more: object, message: RegExp) =>
    expect(trainOnDisk(lines, { ...options, type: 'bpe', memory, folder: join(folder, 'x'), ...more })).rejects.toThrow(
      message,
    )
  await fails(
    { memory: 2 ** 20 },
    /memory is 1048576 bytes; at least \d+ \(\d+ MiB\) are needed: the process itself takes/,
  )
  await fails({ type: 'word' }, /type is "word"; unigram or bpe/)
  await fails({ folder: '' }, /folder is missing/)
  await fails({ files: [join(folder, 'none.txt')] }, /none\.txt cannot be read/)
  await fails({ inputSentenceSize: 5 }, /training uses all lines/)
  await fails({ vocabSise: 5 }, /the nearest is vocabSize/)
  writeFileSync(join(folder, 'letter.txt'), 'mine')
  await fails(
    { folder: join(folder, 'letter.txt') },
    /letter\.txt cannot be made \(.*letter\.txt is a file\); give another place/,
  )
  // Node's recursive mkdir does not return here.
  if (process.platform === 'linux')
    await fails({ folder: '/proc/kumiki/x' }, /folder \/proc\/kumiki\/x cannot be made \(\w+ at \/proc\/kumiki\)/)
  await fails({ folder }, /has files that are not from training/)
  expect(readFileSync(join(folder, 'letter.txt'), 'utf8')).toBe('mine')
})

test('it goes on only with the options and the files it began with, and one process at a time', async () => {
  const work = join(folder, 'begun')
  const data = join(folder, 'data.txt')
  writeFileSync(data, lines.join('\n'))
  const begin = (more: object = {}, from: Iterable<string> = lines) =>
    trainOnDisk(from, { ...options, type: 'unigram', memory, folder: work, files: [data], ...more })
  // Ended after the text was read: the phase that follows throws.
  const stop = ({ phase }: { phase: string }) => {
    if (phase === 'estimate') throw new Error('stopped')
  }
  await expect(begin({ onProgress: stop })).rejects.toThrow('stopped')
  expect(readdirSync(work)).toContain('state.json')
  expect(readdirSync(work)).not.toContain('lock')
  await expect(begin({ splitDigits: true })).rejects.toThrow(
    /was started with another splitDigits \(not given, now true\)/,
  )
  const held = new SpillFolder(work)
  await expect(begin()).rejects.toThrow(`process ${process.pid} on`)
  held.release()
  writeFileSync(join(work, 'lock'), JSON.stringify({ pid: 2 ** 22 + 1, began: '1', host: '' }))
  await expect(begin()).rejects.toThrow(/process 4194305 on .* is using/)
  rmSync(join(work, 'lock'))
  const then = new Date(1e12)
  utimesSync(data, then, then)
  await expect(begin()).rejects.toThrow(/data\.txt has changed since training started/)
  rmSync(work, { recursive: true })
  await expect(begin({ onProgress: stop })).rejects.toThrow('stopped')
  // What does not matter for counting may be another now: the text is not asked for again.
  expect(await begin({ vocabSize: 310 }, [])).toEqual(trainUnigram(lines, { ...options, vocabSize: 310 }))
})

test('a file that changes while it is read is said', async () => {
  const data = join(folder, 'changing.txt')
  writeFileSync(data, lines.join('\n'))
  function* changing(): Generator<string> {
    yield* lines
    writeFileSync(data, 'other')
  }
  const work = join(folder, 'changed')
  await expect(
    trainOnDisk(changing(), { ...options, type: 'bpe', memory, folder: work, files: [data] }),
  ).rejects.toThrow(/changing\.txt has changed since/)
})

test.skipIf(process.platform !== 'linux')('a disk that is full is said, and nothing that was there is lost', () => {
  const path = join(folder, 'full')
  const spill = new SpillFolder(path)
  spill.save({ ours: 1 })
  // Writing to /dev/full fails as on a disk without room.
  const part = join(path, 'counts-0.part')
  symlinkSync('/dev/full', part)
  const writer = spill.write('counts-0')
  expect(() => writer.append(new Uint8Array(1 << 16))).toThrow(
    /the disk of .*full is full \(0 bytes of counts-0 were written\); free some space, .*the same call resumes from it/,
  )
  expect(existsSync(part)).toBe(false)
  expect(spill.load()).toEqual({ ours: 1 })
  spill.clear()
  expect(existsSync(path)).toBe(false)
})

test('stages give the model of training in memory, and those that are finished are not trained again', async () => {
  const work = join(folder, 'stages')
  const output = join(folder, 'staged.model')
  const half = lines.length / 2
  const recipe = {
    fixedPieces: ['\u2581\u2581'],
    stages: [
      { name: 'one', lines: lines.slice(0, half), size: 150 },
      { name: 'two', lines: lines.slice(half), size: 260, keep: (piece: string) => !/[0-9]/.test(piece) },
      { name: 'three', add: ['亜'] },
    ],
    estimateLines: lines,
    estimate: { iterations: 2 },
  }
  const wanted = trainStaged(recipe)
  const where = { memory, folder: work, files: [text.pathname], output }
  const [one, two, three] = recipe.stages
  function* ends(): Generator<string> {
    yield lines[half]
    throw new Error('ended')
  }
  await expect(
    trainStagedOnDisk({ ...recipe, ...where, stages: [one, { ...two, lines: ends() }, three] }),
  ).rejects.toThrow('ended')
  expect(readdirSync(work)).toContain('stage-0.model')
  const kept = await trainStagedOnDisk({ ...recipe, ...where, stages: [{ ...one, lines: ends() }, two, three] })
  expect(kept).toEqual(wanted)
  expect(new Uint8Array(readFileSync(output))).toEqual(wanted)
  expect(existsSync(work)).toBe(false)
  // Another first stage is trained anew; what fails at once leaves no folder.
  const other = { ...one, lines: ends(), size: 160 }
  await expect(trainStagedOnDisk({ ...recipe, ...where, stages: [other, two, three] })).rejects.toThrow('ended')
  expect(existsSync(work)).toBe(false)
  const small = { ...one, size: 1 }
  await expect(trainStagedOnDisk({ ...recipe, ...where, stages: [small] })).rejects.toThrow(/stage "one": /)
})
