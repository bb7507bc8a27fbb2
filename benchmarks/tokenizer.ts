/**
 * Speed of @kumiki/tokenizer compared with C++ SentencePiece (Debian's `sentencepiece`) and @huggingface/tokenizers,
 * after their ids were compared. See README.md.
 *
 *     node --conditions=source --import tsx benchmarks/tokenizer.ts --rounds 5 --train --json
 */
import { Console } from 'node:console'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadTokenizer } from '@kumiki/tokenizer'
import { countOf, parseArgs } from './common/options.ts'
import { processorName } from './common/processor.ts'
import { provenance } from './common/provenance.ts'
import { medianOf } from './common/statistics.ts'
import { peerOf } from './tokenizer/hugging-face-peer.ts'
import { exists, run } from './tokenizer/spawned.ts'
import { modelPath, readTexts, type Texts } from './tokenizer/texts.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    /** Also train unigram and BPE models on several texts, and compare with spm_train. */
    train: { type: 'boolean', default: false },
    /** JSON lines on stdout; the table goes to stderr. */
    json: { type: 'boolean', default: false },
  },
})
const rounds = countOf('rounds', values.rounds)

const about = { benchmark: 'tokenizer', ...provenance(['tokenizer']), processor: processorName() }
const rows: Record<string, unknown>[] = []
const report = (row: Record<string, unknown>) => {
  rows.push(row)
  const line = JSON.stringify({ ...about, ...row })
  if (values.json) process.stdout.write(`${line}\n`)
}
const folder = mkdtempSync(join(tmpdir(), 'kumiki-bench-'))
const child = async (...args: string[]) => {
  const out = join(folder, 'child.json')
  const flags = ['--expose-gc', '--conditions=source', '--import', 'tsx']
  const spent = await run(
    process.execPath,
    [...flags, fileURLToPath(new URL('tokenizer/child.ts', import.meta.url)), ...args],
    { stdout: out },
  )
  return { ...spent, ...JSON.parse(readFileSync(out, 'utf8')) } as Record<string, number>
}
const each = (texts: string[], use: (text: string) => unknown) => {
  for (const text of texts) use(text)
}
const seconds = (work: () => void) => {
  const start = performance.now()
  work()
  return (performance.now() - start) / 1000
}

try {
  const cpp = await exists('spm_encode')
  if (!cpp) console.error('spm_encode is not installed (apt-get install sentencepiece): its rows are SKIPPED')
  await speed(cpp)
  if (values.train) await training(cpp)
  new Console(values.json ? process.stderr : process.stdout).table(rows)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function speed(cpp: boolean): Promise<void> {
  const { name: text, lines } = readTexts(5_000_000)
  const bytes = lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0)
  const megabytes = bytes / 1e6
  const { name: model, url } = modelPath()
  const modelBytes = readFileSync(url)
  const tokenizer = loadTokenizer(modelBytes)
  const peer = peerOf(modelBytes)
  const file = join(folder, 'lines.txt')
  const empty = join(folder, 'empty.txt')
  const repeated = join(folder, 'repeated.txt')
  const long = 'あ'.repeat(Math.floor(1e6 / 3))
  writeFileSync(file, `${lines.join('\n')}\n`)
  writeFileSync(empty, '')
  writeFileSync(repeated, `${long}\n`)
  const spm = async (input: string, output?: string) =>
    (await run('spm_encode', [`--model=${fileURLToPath(url)}`, '--output_format=id'], { stdin: input, stdout: output }))
      .wallSeconds

  // The ids are compared before anything is timed.
  if (cpp) {
    const out = join(folder, 'ids.txt')
    await spm(file, out)
    const wanted = readFileSync(out, 'utf8').split('\n')
    const same = lines.filter((line, k) => tokenizer.encode(line).join(' ') === wanted[k]).length
    report({ check: 'lines with the ids of spm_encode', same, of: lines.length })
    if (same !== lines.length) throw new Error(`the ids differ from spm_encode's in ${lines.length - same} lines`)
    await spm(repeated, out)
    if (readFileSync(out, 'utf8').trimEnd() !== tokenizer.encode(long).join(' '))
      throw new Error("the ids of the repeated あ differ from spm_encode's")
  }
  const sample = lines.slice(0, 10_000)
  const agreeing = sample.filter((line) => String(peer(line)) === String(Array.from(tokenizer.encode(line)))).length
  report({ check: 'lines with the ids of @huggingface/tokenizers', same: agreeing, of: sample.length })

  const times: Record<string, number[]> = {}
  const note = (name: string, value: number) => {
    times[name] ??= []
    times[name].push(value)
  }
  for (let round = 0; round < rounds; round++) {
    note(
      'kumiki',
      seconds(() => each(lines, (line) => tokenizer.encode(line))),
    )
    // A tokenizer remembers segmentations, so one that has encoded nothing is measured too.
    const fresh = loadTokenizer(modelBytes)
    note(
      'kumiki, first texts',
      seconds(() => each(lines, (line) => fresh.encode(line))),
    )
    note(
      'kumiki, offsets',
      seconds(() => each(lines, (line) => tokenizer.encodeWithOffsets(line))),
    )
    note(
      'kumiki, 1 MB of あ',
      seconds(() => tokenizer.encode(long)),
    )
    if (cpp) {
      const load = await spm(empty)
      note('spm_encode, load', load)
      note('spm_encode', Math.max(1e-9, (await spm(file)) - load))
      note('spm_encode, 1 MB of あ', Math.max(1e-9, (await spm(repeated)) - load))
    }
    // Far slower, so only a sample of the lines is timed.
    note('@huggingface/tokenizers', (seconds(() => each(sample, (line) => peer(line))) * lines.length) / sample.length)
    const loaded = await child('load', fileURLToPath(url))
    note('kumiki, load', loaded.loadMilliseconds / 1000)
    note('kumiki, bytes after load', loaded.bytesAfterLoad)
  }
  for (const [name, values] of Object.entries(times)) {
    const middle = medianOf(values)
    if (name === 'kumiki, bytes after load') report({ model, name, megabytes: round3(middle / 1e6) })
    else if (name.includes('load') || name.includes('あ')) report({ model, name, milliseconds: round3(middle * 1000) })
    else report({ model, text, bytes, lines: lines.length, name, megabytesPerSecond: round3(megabytes / middle) })
  }
  const ratio = (name: string, of: string, than: string) => {
    if (!times[of] || !times[than]) return
    // Leaves out rounds in which loading alone took longer than loading and encoding: their difference is noise.
    const each = times[of].map((value, k) => value / times[than][k]).filter((value) => value > 1e-6 && value < 1e6)
    if (each.length === 0) return
    report({
      ratio: name,
      median: round3(medianOf(each)),
      smallest: round3(Math.min(...each)),
      largest: round3(Math.max(...each)),
    })
  }
  ratio('speed: kumiki / spm_encode', 'spm_encode', 'kumiki')
  ratio('speed: kumiki, first texts / spm_encode', 'spm_encode', 'kumiki, first texts')
  ratio('speed: kumiki with offsets / spm_encode', 'spm_encode', 'kumiki, offsets')
  ratio('speed: kumiki / @huggingface/tokenizers', '@huggingface/tokenizers', 'kumiki')
  ratio('time of 1 MB of あ: kumiki / spm_encode', 'kumiki, 1 MB of あ', 'spm_encode, 1 MB of あ')
  ratio('time to load: kumiki / spm_encode', 'kumiki, load', 'spm_encode, load')
}

async function training(cpp: boolean): Promise<void> {
  await trainingOn(cpp, 8000, readTexts(3_300_000))
  for (const [kind, vocabSize] of [
    ['ja', 4000],
    ['en', 4000],
    ['code', 4000],
    ['zhko', 2500],
  ] as const) {
    const texts = readTexts(Number.POSITIVE_INFINITY, kind)
    if (texts.name.startsWith(kind)) await trainingOn(cpp, vocabSize, texts)
  }
}

async function trainingOn(cpp: boolean, vocabSize: number, { name: text, lines, heldOut }: Texts): Promise<void> {
  const file = join(folder, 'train.txt')
  writeFileSync(file, `${lines.join('\n')}\n`)
  const bytes = Buffer.byteLength(lines.join('\n')) + 1
  const charactersPerToken = (model: string) => {
    const tokenizer = loadTokenizer(readFileSync(model))
    let characters = 0
    let tokens = 0
    for (const line of heldOut) {
      characters += [...line].length
      tokens += tokenizer.encode(line).length
    }
    return round3(characters / tokens)
  }
  for (const type of ['unigram', 'bpe']) {
    const ours = join(folder, `kumiki-${type}.model`)
    const spent = await child('train', type, file, ours, String(vocabSize))
    const row = { type, text, vocabSize, bytes, heldOutLines: heldOut.length }
    const mine = { seconds: round3(spent.wallSeconds), peakMegabytes: round3(spent.peakBytes / 1e6) }
    const quality = charactersPerToken(ours)
    report({ ...row, name: 'kumiki', ...mine, charactersPerToken: quality })
    if (!cpp) continue
    const prefix = join(folder, `spm-${type}`)
    const theirs = await run('spm_train', [
      ...[`--input=${file}`, `--model_prefix=${prefix}`, `--model_type=${type}`, `--vocab_size=${vocabSize}`],
      ...['--character_coverage=0.9995', '--byte_fallback=true', '--normalization_rule_name=identity'],
      ...['--remove_extra_whitespaces=false', '--split_digits=true', '--allow_whitespace_only_pieces=true'],
      ...['--max_sentence_length=100000', '--num_threads=1', '--minloglevel=2'],
    ])
    report({
      ...row,
      name: 'spm_train',
      seconds: round3(theirs.wallSeconds),
      peakMegabytes: round3(theirs.peakBytes / 1e6),
      charactersPerToken: charactersPerToken(`${prefix}.model`),
      charactersPerTokenRatio: round3(quality / charactersPerToken(`${prefix}.model`)),
      secondsRatio: round3(spent.wallSeconds / theirs.wallSeconds),
      memoryRatio: round3(spent.peakBytes / theirs.peakBytes),
    })
  }
}

function round3(value: number): number {
  return Number(value.toPrecision(4))
}
