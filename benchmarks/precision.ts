/**
 * Number formats in training: the same model, data, order and first weights under several precision policies and seeds. See README.md.
 *
 *     node --conditions=source --import tsx benchmarks/precision.ts --model nano --model 10m --policy bf16 --policy fp8-hybrid --out DIR
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { builtinCorpus } from '@kumiki/data/node'
import { init } from '@kumiki/tensor'
import { loadTokenizer } from '@kumiki/tokenizer'
import { trainUnigram } from '@kumiki/tokenizer/train'
import { findPrecision } from '@kumiki/train'
import { countOf } from './common/options.ts'
import { provenance } from './common/provenance.ts'
import { subjects } from './precision/models.ts'
import { compareRuns, findings, page, table } from './precision/report.ts'
import { type RunRecord, type Texts, trainUnder } from './precision/run.ts'

const { values } = parseArgs({
  options: {
    /** Repeatable. */
    model: { type: 'string', multiple: true, default: ['nano'] },
    /** Repeatable; the first is what the others are compared with. */
    policy: {
      type: 'string',
      multiple: true,
      default: ['bf16', 'f32', 'fp8-hybrid', 'fp8-current', 'fp8-block', 'mxfp8'],
    },
    steps: { type: 'string' },
    seeds: { type: 'string', default: '3' },
    /** Steps between probes of the gradients. */
    probe: { type: 'string', default: '50' },
    device: { type: 'string', default: 'cpu' },
    threads: { type: 'string' },
    /** Only writes the report again, from the runs that are there. */
    report: { type: 'boolean', default: false },
    /** Folder for runs.jsonl and report.html. Runs that are already there are not made again. */
    out: { type: 'string', default: 'precision-report' },
  },
})
const policies = values.policy.map(findPrecision)
const seeds = Array.from({ length: countOf('seeds', values.seeds) }, (_, i) => i + 1)
for (const name of values.model)
  if (!subjects[name]) throw new RangeError(`--model: there is no ${name}; ${Object.keys(subjects).join(', ')}`)

const corpus = await builtinCorpus()
const tokenizer = loadTokenizer(
  trainUnigram(
    corpus.train.map(({ text }) => text),
    { vocabSize: 2048, byteFallback: true, hardVocabLimit: false },
  ),
)
const encode = (list: readonly { text: string }[]) => list.map(({ text }) => tokenizer.encode(text))
const texts: Texts = {
  documents: encode(corpus.train),
  heldOut: encode(corpus.heldOut),
  vocabSize: tokenizer.vocabSize,
  eosId: tokenizer.eosId,
}

mkdirSync(values.out, { recursive: true })
const file = join(values.out, 'runs.jsonl')
const runs: RunRecord[] = existsSync(file)
  ? readFileSync(file, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line))
      .filter((r) => r.kind === 'run')
  : []
const device = await init({
  backend: values.device as 'cpu',
  ...(values.threads ? { threads: countOf('threads', values.threads) } : {}),
})
const from = provenance(['tensor', 'train', 'models', 'optim', 'numerics'])
for (const model of values.report ? [] : values.model) {
  const subject = subjects[model]
  const steps = values.steps ? countOf('steps', values.steps) : subject.steps
  // Policies take turns, so that a machine's good and bad hours fall on all of them.
  for (const seed of seeds) {
    for (const policy of policies) {
      const known = runs.some(
        (r) => r.model === model && r.policy === policy.name && r.seed === seed && r.steps === steps,
      )
      if (known) continue
      const record = await trainUnder({
        device,
        model,
        subject,
        texts,
        policy,
        seed,
        steps,
        probeEvery: countOf('probe', values.probe),
        onStep: (step, loss) => {
          if (step % 50 === 0)
            console.error(`${model} ${policy.name} seed ${seed}: step ${step}, loss ${loss.toFixed(4)}`)
        },
      })
      runs.push(record)
      const line = { ...record, device: device.name, commit: from.commit, date: from.date }
      // Six digits are more than any of these numbers means.
      const digits = (_: string, x: unknown) => (typeof x === 'number' ? Number(x.toPrecision(6)) : x)
      appendFileSync(file, `${JSON.stringify(line, digits)}\n`)
      console.error(
        `${model} ${policy.name} seed ${seed}: held out ${record.heldOut.toFixed(4)}${record.failure ? ` (${record.failure})` : ''}`,
      )
    }
  }
}
const baseline = policies[0].name
const wanted = runs.filter((r) => values.model.includes(r.model) && policies.some((p) => p.name === r.policy))
for (const model of values.model) {
  const comparisons = compareRuns(wanted, model, baseline)
  console.log(`\n${model}\n${table(comparisons)}\n\n${findings(comparisons).join('\n')}`)
}
const about = [
  `Messages of the TypeScript ${corpus.version} compiler, Japanese and English; vocabulary ${texts.vocabSize}. Every policy sees the same batches in the same order from the same float32 weights; held-out loss is that of the trained weights, computed alike for all. ${device.name}, Node ${process.version}, commit ${from.commit.slice(0, 12)}.`,
  'Products of 8-bit codes are computed here with float32 sums, which is better than the accumulators of some hardware: this compares number formats, not the speed or the sums of a GPU.',
]
writeFileSync(join(values.out, 'report.html'), page(wanted, baseline, about))
console.log(`\nwritten: ${join(values.out, 'report.html')}, ${file}`)
device.dispose()
