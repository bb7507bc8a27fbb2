/** A tiny run in processes of the real command line. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const bin = fileURLToPath(new URL('../src/bin.ts', import.meta.url))

/** A tokenizer for tests that are not about training one, which takes longer than their runs. */
export const givenTokenizer = fileURLToPath(new URL('../../tokenizer/vectors/unigram.model', import.meta.url))

/**
 * Writes texts and configuration of a run of 12,000 parameters.
 * @param larger its sizes, where they shall be others
 * @param tokenizer a model file; without it one of 300 pieces is trained
 * @returns the flags that begin it
 */
export function tinyRun(
  folder: string,
  larger: { readonly intermediateSize?: number } = {},
  tokenizer?: string,
): string[] {
  const texts = Array.from(
    { length: 80 },
    (_, i) => `本棚の${i}番目の本は赤い。\nthe book number ${i} on the shelf is red.`,
  )
  writeFileSync(join(folder, 'texts.txt'), texts.join('\n\n'))
  const architecture = {
    hiddenSize: 16,
    intermediateSize: 32,
    numHiddenLayers: 1,
    numAttentionHeads: 2,
    numKeyValueHeads: 1,
    headDim: 8,
    ...larger,
  }
  const run = { batchSize: 2, sequenceLength: 16, ...(tokenizer === undefined && { vocabSize: 300 }) }
  writeFileSync(join(folder, 'tiny.json'), JSON.stringify({ name: 'tiny', architecture, run }))
  const flags = ['--config', join(folder, 'tiny.json'), '--data', join(folder, 'texts.txt')]
  return tokenizer === undefined ? flags : [...flags, '--tokenizer', tokenizer]
}

/**
 * The command line of `kumiki train ARGS` on one thread of the CPU.
 * @param bundle the program, if it is not run from its sources
 */
export function trainWords(args: readonly string[], bundle?: string): string[] {
  const flags = bundle === undefined ? ['--conditions=source', '--import', import.meta.resolve('tsx')] : []
  return [process.execPath, ...flags, bundle ?? bin, 'train', '--device', 'cpu', '--threads', '1', ...args]
}

/** A process of it. */
export function startTrain(args: readonly string[], bundle?: string): ChildProcess {
  const [program, ...words] = trainWords(args, bundle)
  return spawn(program, words, { stdio: 'pipe' })
}

/** Exit code, or the signal that ended it, and what it said on stderr. */
export async function ended(child: ChildProcess): Promise<{ code: number | string; said: string }> {
  let said = ''
  child.stderr?.on('data', (text) => {
    said += text
  })
  const [code, signal] = await once(child, 'close')
  return { code: code ?? signal, said }
}

/** What metrics.jsonl says, whole lines only. */
export function metricLines(run: string): Readonly<Record<string, number>>[] {
  const file = join(run, 'metrics.jsonl')
  if (!existsSync(file)) return []
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1)
  return lines.map((line) => JSON.parse(line))
}

/** Steps in metrics.jsonl. */
export const metricSteps = (run: string): number[] => metricLines(run).map(({ step }) => step)

/** Waits until something is so; a minute at most. */
export async function until(what: () => boolean): Promise<void> {
  for (const end = Date.now() + 60_000; !what(); ) {
    if (Date.now() > end) throw new Error('it did not come about in a minute')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
