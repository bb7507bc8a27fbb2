/**
 * Tokenizer training within a memory limit, compared with spm_train (Debian's `sentencepiece`) on the same text. See
 * README.md.
 *
 *     node --conditions=source --import tsx benchmarks/tokenizer-memory.ts --text mixed.txt --memory 512MB --json
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { processorName } from './common/processor.ts'
import { provenance } from './common/provenance.ts'
import { exists, run } from './tokenizer/spawned.ts'

const { values } = parseArgs({
  options: {
    /** A file with one text per line. */
    text: { type: 'string' },
    memory: { type: 'string', default: '2GB' },
    types: { type: 'string', default: 'bpe,unigram' },
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
    const own = await train('kumiki', '--memory', values.memory)
    if (values.whole) {
      const whole = await train('kumiki, in memory')
      report({ type, check: 'the same bytes', same: execFileSync('cmp', [own, whole]).length === 0 })
    }
    if (!cpp) continue
    const spent = await run('spm_train', [
      ...[`--input=${text}`, `--model_prefix=${join(folder, 'spm')}`, `--model_type=${type}`],
      ...[`--vocab_size=${values['vocab-size']}`, '--character_coverage=0.9995', '--byte_fallback=true'],
      ...['--normalization_rule_name=identity', '--remove_extra_whitespaces=false', '--split_digits=true'],
      ...['--allow_whitespace_only_pieces=true', '--max_sentence_length=100000', '--num_threads=2', '--minloglevel=2'],
      '--train_extremely_large_corpus=true',
    ])
    report({ type, name: 'spm_train', threads: 2, ...measured(spent) })
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function measured(spent: Awaited<ReturnType<typeof run>>) {
  return {
    wallSeconds: round(spent.wallSeconds),
    processorSeconds: round(spent.processorSeconds),
    peakMegabytes: round(spent.peakBytes / 1e6),
  }
}
