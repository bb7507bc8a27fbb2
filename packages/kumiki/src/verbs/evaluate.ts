/** `kumiki evaluate` */
import { join } from 'node:path'
import type { Command } from 'commander'
import { writeWhole } from '../files/files.ts'
import { deviceOptions, integer } from '../flags/flag-values.ts'
import { textTable } from '../output/text-table.ts'
import { UsageError } from '../usage-error.ts'
import { addVerb, answer } from '../verb.ts'

interface EvaluateFlags {
  model?: string
  runs?: string[]
  averaged?: boolean
  out?: string
  text: string[]
  task: string[]
  window?: number
  stride?: number
  batchSize: number
  device: 'auto' | 'webgpu' | 'cpu'
  threads?: number
  json?: boolean
}

export function addEvaluate(program: Command): void {
  const [device, threads] = deviceOptions()
  addVerb(
    program,
    'evaluate',
    'Perplexity and bits per byte of a model on text, and its scores on tasks.',
    (c) =>
      c
        .option('--model <folder>', 'a run folder, a Hugging Face model folder, an adapter, or hf:owner/name')
        .option(
          '--runs <run...>',
          'instead of --model: every checkpoint of these runs (RUN, or RUN@STEP for one); results are cached in RUN/scores.json',
        )
        .option(
          '--text <file...>',
          'files or folders of text; documents are paragraphs of a .txt, a whole .md, lines of a .jsonl',
          [],
        )
        .option('--task <file...>', 'lm-evaluation-harness tasks in YAML: multiple choice and log-likelihood', [])
        .option('--window <n>', 'context tokens of a prediction (default: the whole context)', integer(2, 1 << 24))
        .option('--stride <n>', 'tokens from one window to the next (default: half a window)', integer(1, 1 << 24))
        .option('--batch-size <n>', 'windows per forward pass; affects only the speed', integer(1, 65_536), 4)
        .option('--averaged', 'with --runs: evaluate their averaged weights instead')
        .option(
          '--out <file>',
          'with --runs: the report with curves over tokens (default: scores.html in the first run)',
        )
        .addOption(device)
        .addOption(threads),
    evaluate,
  )
}

async function evaluate(flags: EvaluateFlags): Promise<void> {
  const { json, runs, averaged, out, model, ...options } = flags
  if ((model === undefined) === (runs === undefined))
    throw new UsageError('give either --model FOLDER (one model) or --runs RUN ... (all checkpoints of runs)')
  if (options.text.length + options.task.length === 0)
    throw new UsageError('give --text FILE ... or --task FILE.yaml ...')
  if (runs) return evaluateRuns(flags, runs)
  for (const [flag, value] of Object.entries({ averaged, out }))
    if (value !== undefined) throw new UsageError(`--${flag} needs --runs RUN ...`)
  const { runEvaluate } = await import('../models/evaluate-command.ts')
  const report = await runEvaluate({ ...options, model: model! })
  answer({ json }, report, () => {
    const all = [
      ...report.files,
      ...(report.total && report.files.length > 1 ? [{ file: 'all', ...report.total }] : []),
    ]
    const rows = all.map((f) => [
      f.file,
      f.bytes.toLocaleString('en'),
      f.tokens.toLocaleString('en'),
      f.bitsPerByte.toFixed(4),
      f.natsPerToken.toFixed(4),
      f.perplexity.toFixed(3),
    ])
    const texts = textTable(['text', 'bytes', 'tokens', 'bits/byte', 'nats/token', 'perplexity'], rows)
    const scores = report.tasks.flatMap(({ task, documents, numFewshot, metrics }) =>
      Object.entries(metrics).map(([metric, { value, standardError }]) => [
        task,
        String(documents),
        String(numFewshot),
        metric,
        value.toFixed(4),
        standardError?.toFixed(4) ?? '',
      ]),
    )
    const tasks = textTable(['task', 'documents', 'shots', 'metric', 'score', 'standard error'], scores)
    return [...(rows.length > 0 ? [texts] : []), ...(scores.length > 0 ? [tasks] : [])].join('\n\n')
  })
}

async function evaluateRuns(flags: EvaluateFlags, runs: string[]): Promise<void> {
  const { scoreCheckpoints } = await import('../models/checkpoint-scores.ts')
  const { scoresPage, scoresTable } = await import('../output/scores-page.ts')
  const report = await scoreCheckpoints({ ...flags, runs })
  const out = flags.out ?? join(report.runs[0].run, 'scores.html')
  await writeWhole(out, await scoresPage(report))
  answer({ json: flags.json }, { ...report, out }, () => `${scoresTable(report)}\n\n${out}`)
}
