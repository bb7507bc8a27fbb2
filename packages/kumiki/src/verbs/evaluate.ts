/** `kumiki evaluate` */
import type { Command } from 'commander'
import { deviceOptions, integer } from '../flag-values.ts'
import { textTable } from '../text-table.ts'
import { addVerb, answer } from '../verb.ts'

interface EvaluateFlags {
  model: string
  text: string[]
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
    'Perplexity and bits per byte of text under a model.',
    (c) =>
      c
        .requiredOption('--model <folder>', 'a run folder, a model as the Hugging Face Hub has it, or hf:owner/name')
        .requiredOption('--text <file...>', 'files or folders of text (txt, md, jsonl)')
        .option('--window <n>', 'tokens a prediction looks back on (default: the whole context)', integer(2, 1 << 24))
        .option('--stride <n>', 'tokens from one window to the next (default: half a window)', integer(1, 1 << 24))
        .option('--batch-size <n>', 'windows in one pass; it changes the time alone', integer(1, 65_536), 4)
        .addOption(device)
        .addOption(threads),
    evaluate,
  )
}

async function evaluate({ json, ...options }: EvaluateFlags): Promise<void> {
  const { runEvaluate } = await import('../evaluate-command.ts')
  const report = await runEvaluate(options)
  answer({ json }, report, () => {
    const all = [...report.files, { file: 'all', ...report.total }]
    const rows = (all.length === 2 ? all.slice(0, 1) : all).map((f) => [
      f.file,
      f.bytes.toLocaleString('en'),
      f.tokens.toLocaleString('en'),
      f.bitsPerByte.toFixed(4),
      f.natsPerToken.toFixed(4),
      f.perplexity.toFixed(3),
    ])
    return textTable(['text', 'bytes', 'tokens', 'bits/byte', 'nats/token', 'perplexity'], rows)
  })
}
