/**
 * Number formats in training: one model, with the same data, order and initial weights, trained under several precision
 * policies and seeds. See README.md.
 *
 *     node --conditions=source --import tsx benchmarks/precision.ts --model nano --policy bf16 --policy fp8-hybrid
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { builtinCorpus } from '@kumiki/data/node'
import { policyFindings } from '@kumiki/report'
import { DeviceError, init } from '@kumiki/tensor'
import { loadTokenizer } from '@kumiki/tokenizer'
import { trainUnigram } from '@kumiki/tokenizer/train'
import { countOf, parseArgs } from './common/options.ts'
import { provenance } from './common/provenance.ts'
import { compareRuns, table } from './precision/comparison.ts'
import { checkMemory, checkPolicyFits, nameOf, subjectOf } from './precision/models.ts'
import { comparisonPage, settingOf } from './precision/page.ts'
import { Progress } from './precision/progress.ts'
import { groupsOf, planOf, Records, type RunRecord } from './precision/records.ts'

import { type Texts, trainUnder } from './precision/run.ts'
import { checkedUse, policyOf, positiveOf, UsageError } from './precision/usage.ts'

const defaultModels = ['nano']
const defaultPolicies = ['bf16', 'f32', 'fp8-hybrid', 'fp8-current', 'fp8-block', 'mxfp8']

const options = {
  /** Repeatable: nano, 10m, a model in the list of @kumiki/models, or the path of a config.json. */
  model: { type: 'string', multiple: true },
  /** Repeatable: a name, or a module whose default export is a policy. The others are compared with the first. */
  policy: { type: 'string', multiple: true },
  /** Repeatable: every model is trained for each number of steps. */
  steps: { type: 'string', multiple: true },
  /** Sequences in a step. */
  batch: { type: 'string' },
  /** Tokens in a sequence; no more than the model's positions. */
  sequence: { type: 'string' },
  'learning-rate': { type: 'string' },
  seeds: { type: 'string', default: '3' },
  /** Steps between probes of the gradients; 0 for none. */
  probe: { type: 'string', default: '50' },
  device: { type: 'string', default: 'cpu' },
  threads: { type: 'string' },
  /** Trains nothing, and writes the report from the recorded runs. */
  report: { type: 'boolean', default: false },
  /** Folder of runs.jsonl and report.html. Runs that are recorded there are not repeated. */
  out: { type: 'string', default: 'precision-report' },
} as const

type Values = ReturnType<typeof readArguments>

/** @throws UsageError */
function readArguments() {
  const { values } = checkedUse(() => parseArgs({ options }))
  const count = (option: 'batch' | 'sequence' | 'threads') =>
    values[option] === undefined ? undefined : checkedUse(() => countOf(option, values[option]!))
  const rate = values['learning-rate']
  if (values.device !== 'cpu' && values.device !== 'webgpu')
    throw new UsageError(`--device: expected cpu or webgpu, got ${values.device}`)
  return {
    ...values,
    device: values.device as 'cpu' | 'webgpu',
    steps: values.steps?.map((steps) => checkedUse(() => countOf('steps', steps))),
    given: {
      batch: count('batch'),
      sequence: count('sequence'),
      learningRate: rate === undefined ? undefined : positiveOf('learning-rate', rate),
    },
    threads: count('threads'),
    probe: values.probe === '0' ? 0 : checkedUse(() => countOf('probe', values.probe)),
    seeds: Array.from({ length: checkedUse(() => countOf('seeds', values.seeds)) }, (_, i) => i + 1),
  }
}

/** The built-in corpus, and a tokenizer trained on it. */
async function readTexts(): Promise<Texts & { name: string }> {
  const corpus = await builtinCorpus()
  const tokenizer = loadTokenizer(
    trainUnigram(
      corpus.train.map(({ text }) => text),
      { vocabSize: 2048, byteFallback: true, hardVocabLimit: false },
    ),
  )
  const encode = (list: readonly { text: string }[]) => list.map(({ text }) => tokenizer.encode(text))
  return {
    name: `Messages of the TypeScript ${corpus.version} compiler, Japanese and English`,
    documents: encode(corpus.train),
    heldOut: encode(corpus.heldOut),
    vocabSize: tokenizer.vocabSize,
    eosId: tokenizer.eosId,
  }
}

/** Makes the runs that are not recorded yet. All options are checked before the first run. */
async function makeRuns(values: Values, records: Records): Promise<{ models: string[]; policies: string[] }> {
  const policies = await Promise.all((values.policy ?? defaultPolicies).map(policyOf))
  const twice = policies.find((p, i) => policies.findIndex(({ name }) => name === p.name) !== i)
  if (twice) throw new UsageError(`--policy: two policies are named ${twice.name}; give each a name of its own`)
  const texts = await readTexts()
  const subjects = (values.model ?? defaultModels).flatMap((model) =>
    (values.steps ?? [undefined]).map((steps) => subjectOf(model, texts.vocabSize, { ...values.given, steps })),
  )
  for (const subject of subjects) {
    for (const policy of policies) checkPolicyFits(policy, subject)
    checkMemory(subject, policies, { device: values.device, probes: values.probe > 0 })
  }
  // Policies alternate, so that changes of the machine's load affect all of them.
  const jobs = subjects.flatMap((subject) =>
    values.seeds.flatMap((seed) =>
      policies.map((policy) => ({ subject, policy, seed, plan: planOf(subject, policy, seed, texts.name) })),
    ),
  )
  const missing = jobs.filter(({ plan }) => !records.has(plan))
  if (missing.length > 0) {
    const device = await init({ backend: values.device, ...(values.threads && { threads: values.threads }) })
    const { commit, modified, node } = provenance([
      'tensor',
      'train',
      'models',
      'optim',
      'numerics',
      'data',
      'tokenizer',
    ])
    const progress = new Progress()
    for (const [i, { subject, policy, seed, plan }] of missing.entries()) {
      progress.begin(`${i + 1}/${missing.length} ${subject.name} ${policy.name} seed ${seed}`, subject.steps)
      const outcome = await trainUnder({
        device,
        subject,
        texts,
        policy,
        seed,
        probeEvery: values.probe,
        onStep: (step, loss) => progress.step(step, loss),
      })
      records.add(plan, outcome, { device: device.name, node, commit, modified, date: new Date().toISOString() })
      progress.end(outcome.failure ?? `held out ${outcome.heldOut!.toFixed(4)}`)
    }
    device.dispose()
  }
  return { models: subjects.map(({ name }) => name), policies: policies.map(({ name }) => name) }
}

/** Models and policies of the report: those that the options name, or all that are recorded. */
async function chosen(values: Values, runs: readonly RunRecord[]): Promise<{ models: string[]; policies: string[] }> {
  const policies = values.policy && (await Promise.all(values.policy.map(policyOf))).map(({ name }) => name)
  const all = (field: 'model' | 'policy') => [...new Set(runs.map((run) => run[field]))]
  return { models: values.model?.map(nameOf) ?? all('model'), policies: policies ?? all('policy') }
}

async function main(): Promise<void> {
  const values = readArguments()
  const records = new Records(values.out)
  if (records.unreadable > 0)
    console.error(`${records.file}: ${records.unreadable} lines of an older format are left out`)
  const { models, policies } = values.report ? await chosen(values, records.runs) : await makeRuns(values, records)
  const wanted = records.runs.filter(
    (r) => models.includes(r.model) && policies.includes(r.policy) && (values.steps?.includes(r.steps) ?? true),
  )
  if (wanted.length === 0)
    throw new UsageError(
      `${records.file} has no runs of ${models.join(', ') || 'any model'} to report; leave --report out to make them`,
    )
  const [baseline] = policies
  for (const group of groupsOf(wanted)) {
    const comparisons = compareRuns(group, baseline)
    console.log(`\n${settingOf(group)}\n${table(comparisons)}\n\n${policyFindings(comparisons).join('\n')}`)
  }
  const report = join(values.out, 'report.html')
  writeFileSync(report, comparisonPage(wanted, baseline))
  console.log(`\nwritten: ${report}, ${records.file}`)
}

try {
  await main()
} catch (error) {
  if (error instanceof UsageError) process.exitCode = 2
  else if (error instanceof DeviceError) process.exitCode = 1
  else throw error
  console.error(`precision: ${error.message}`)
}
