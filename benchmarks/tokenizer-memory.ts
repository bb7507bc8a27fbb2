/**
 * Tokenizer training within a memory limit, compared with spm_train (Debian's `sentencepiece`) on the same text. See
 * README.md.
 *
 *     node --conditions=source --import tsx benchmarks/tokenizer-memory.ts --text mixed.txt --memory 512MB --json
 *     ... --peer-memory 2GB,12GB      spm_train runs under each of these limits of its address space
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from './common/options.ts'
import { processorName } from './common/processor.ts'
import { provenance } from './common/provenance.ts'
import { exists, FailedProgram, run } from './tokenizer/spawned.ts'

const { values } = parseArgs({
  options: {
    /** A file with one text per line. */
    text: { type: 'string' },
    memory: { type: 'string', default: '2GB' },
    types: { type: 'string', default: 'bpe,unigram' },
    /** Limits of spm_train's address space, one run each; without it, one run without a limit. */
    'peer-memory': { type: 'string', default: 'none' },
    /** Runs spm_train alone. */
    'peer-only': { type: 'boolean', default: false },
    'vocab-size': { type: 'string', default: '32000' },
    /** Also trains in memory, and compares the two models byte for byte. */
    whole: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})
const text = values.text
if (text === undefined) throw new RangeError('--text FILE is needed: a file with one text per line')

const folder = mkdtempSync(join(tmpdir(), 'kumiki-bench-'))
const report = (row: Record<string, unknown>) => {
  const about = {
    benchmark: 'tokenizer-memory',
    ...provenance(['tokenizer', 'kumiki']),
    processor: processorName(),
    bytes: statSync(text).size,
    vocabSize: Number(values['vocab-size']),
  }
  const line = JSON.stringify({ ...about, ...row })
  process[values.json ? 'stdout' : 'stderr'].write(`${line}\n`)
}
const round = (value: number) => Number(value.toPrecision(4))
const kumiki = [
  '--conditions=source',
  '--import',
  'tsx',
  fileURLToPath(new URL('../packages/kumiki/src/bin.ts', import.meta.url)),
]

try {
  const cpp = await exists('spm_train')
  if (!cpp) console.error('spm_train is not installed (apt-get install sentencepiece): its rows are SKIPPED')
  for (const type of values.types.split(',')) {
    const train = async (name: string, ...more: string[]) => {
      const model = join(folder, `${type}-${more.length}.model`)
      const data = ['--model', model, '--type', type, '--vocab-size', values['vocab-size'], '--data', text]
      const spent = await run(process.execPath, [...kumiki, 'tokenizer', 'train', ...data, ...more])
      report({ type, name, ...(more.length > 0 && { memory: values.memory }), ...measured(spent) })
      return model
    }
    if (!values['peer-only']) {
      const own = await train('kumiki', '--memory', values.memory)
      if (values.whole) {
        const whole = await train('kumiki, in memory')
        report({ type, check: 'the same bytes', same: execFileSync('cmp', [own, whole]).length === 0 })
      }
    }
    if (!cpp) continue
    const options = [
      ...[`--input=${text}`, `--model_prefix=${join(folder, 'spm')}`, `--model_type=${type}`],
      ...[`--vocab_size=${values['vocab-size']}`, '--character_coverage=0.9995', '--byte_fallback=true'],
      ...['--normalization_rule_name=identity', '--remove_extra_whitespaces=false', '--split_digits=true'],
      ...['--allow_whitespace_only_pieces=true', '--max_sentence_length=100000', '--num_threads=2', '--minloglevel=2'],
      '--train_extremely_large_corpus=true',
    ]
    for (const limit of values['peer-memory'].split(',')) {
      const kilobytes = limit === 'none' ? 'unlimited' : Math.floor(bytesOf(limit) / 1024)
      const about = { type, name: 'spm_train', threads: 2, ...(limit !== 'none' && { memory: limit }) }
      try {
        const spent = await run('sh', ['-c', `ulimit -v ${kilobytes}; exec spm_train "$@"`, 'sh', ...options])
        report({ ...about, ...measured(spent) })
      } catch (error) {
        if (!(error instanceof FailedProgram)) throw error
        report({ ...about, failed: error.message.trim().slice(-300), ...measured(error.spent) })
      }
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function bytesOf(size: string): number {
  const found = /^(\d+)GB$/.exec(size)
  if (!found) throw new RangeError(`--peer-memory takes whole gigabytes, such as 2GB, got ${JSON.stringify(size)}`)
  return Number(found[1]) * 1e9
}

function measured(spent: Awaited<ReturnType<typeof run>>) {
  return {
    wallSeconds: round(spent.wallSeconds),
    processorSeconds: round(spent.processorSeconds),
    peakMegabytes: round(spent.peakBytes / 1e6),
  }
}
