/**
 * Trains a small model on plain text, fine-tunes it on questions and answers, and compares its answers before and
 * after. `npm start` takes a few minutes on two cores and writes answers.html beside this file's folder `runs`.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { figure, html, lineChart, page, table } from '@kumiki/report'
import { ask } from './ask.ts'
import { type Conversation, conversations } from './conversations.ts'

const runs = join(import.meta.dirname, 'runs')
const at = (name: string) => join(runs, name)
const bin = join(dirname(fileURLToPath(import.meta.resolve('kumiki'))), 'bin.ts')

/** Runs `kumiki ARGS` as a user does; what it says on the way is shown. */
async function kumiki(...args: readonly string[]): Promise<void> {
  console.error(`\n$ kumiki ${args.join(' ')}`)
  const command = spawn(process.execPath, ['--conditions=source', '--import', 'tsx', bin, ...args], {
    stdio: 'inherit',
  })
  const code = await new Promise((done) => command.once('close', done))
  if (code !== 0) throw new Error(`kumiki ${args[0]} ended with ${code}`)
}

const question = ({ messages: [{ content }] }: Conversation) => content
const answer = ({ messages: [, { content }] }: Conversation) => content
const lines = (all: readonly Conversation[]) => all.map((one) => `${JSON.stringify(one)}\n`).join('')
const percent = (part: number, whole: number) => `${Math.round((100 * part) / whole)} %`

const { train, heldOut } = conversations()
mkdirSync(runs, { recursive: true })
writeFileSync(at('train.jsonl'), lines(train))
writeFileSync(at('held-out.jsonl'), lines(heldOut))

if (!existsSync(at('base/summary.json')))
  await kumiki('train', '--preset', 'nano', '--steps', '150', '--out', at('base'), '--overwrite')
await kumiki(
  ...['finetune', '--model', at('base'), '--template', 'llm-jp-3', '--data', at('train.jsonl')],
  ...['--eval-data', at('held-out.jsonl'), '--learning-rate', '2e-3', '--epochs', '30', '--batch-size', '4'],
  ...['--sequence-length', '128', '--out', at('tuned'), '--overwrite'],
)

const asked = [...heldOut, ...train.filter((_, i) => i % 6 === 0)]
const before = await ask(at('base'), asked.map(question))
const after = await ask(at('tuned'), asked.map(question))
const right = (answers: readonly string[], from: number, to: number) =>
  asked.slice(from, to).filter((one, i) => answers[from + i] === answer(one)).length
const trained = asked.length - heldOut.length
const verdict = (answers: readonly string[]) =>
  `${percent(right(answers, heldOut.length, asked.length), trained)} of ${trained} training questions, ${percent(right(answers, 0, heldOut.length), heldOut.length)} of ${heldOut.length} held-out phrasings`

for (const i of [0, 1, 2, 3, heldOut.length, heldOut.length + 1]) {
  console.log(`\n${question(asked[i])}`)
  console.log(`  before:  ${before[i]}`)
  console.log(`  after:   ${after[i]}`)
  console.log(`  correct: ${answer(asked[i])}`)
}
console.log(`\ncorrect before: ${verdict(before)}`)
console.log(`correct after:  ${verdict(after)}`)

const evaluations: { step: number; natsPerToken: number }[] = JSON.parse(
  readFileSync(at('tuned/evaluations.json'), 'utf8'),
)
const lossChart = {
  title: 'Held-out loss',
  xLabel: 'step',
  yLabel: 'nats per answer token',
  lines: [
    {
      label: 'held out',
      points: evaluations.map(({ step, natsPerToken }) => [step, natsPerToken] as const),
      dots: true,
    },
  ],
}
const file = at('answers.html')
writeFileSync(
  file,
  page({
    title: 'A small model before and after fine-tuning',
    headline: `Correct answers before: ${verdict(before)}. After: ${verdict(after)}.`,
    body: html`${figure('Held-out loss', (width) => lineChart(lossChart, { width, heading: false }))}${table(
      ['question', 'before', 'after', 'correct answer'],
      asked.map((one, i) => [question(one), before[i], after[i], answer(one)]),
      { caption: 'Answers', textColumns: [1, 2, 3] },
    )}`,
  }),
)
console.log(`\n${file}`)
