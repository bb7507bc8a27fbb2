/** An observer that samples texts from the model at every evaluation, into samples.jsonl. */
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Device } from '@kumiki/tensor'
import type { RunObserver } from '@kumiki/train'
import type { StopSignals } from '@kumiki/train/node'
import { sampleTexts } from '../models/sampling.ts'
import type { TextTokenizer } from '../models/text-tokenizer.ts'

export interface SampleObserverOptions {
  readonly device: Device
  /** The run folder. */
  readonly folder: string
  readonly tokenizer: TextTokenizer
  readonly prompts: readonly { readonly label: string; readonly prompt: string }[]
  readonly seed: number
  readonly stop: StopSignals
  readonly log: (line: string) => void
}

/** Continues each prompt and appends a line { step, label, prompt, text }. */
export function sampleObserver({
  device,
  folder,
  tokenizer,
  prompts,
  seed,
  stop,
  log,
}: SampleObserverOptions): RunObserver {
  return {
    async onEvaluation({ step }, { trainer }) {
      try {
        for (const sample of await sampleTexts(device, trainer, tokenizer, prompts, seed, stop.signal)) {
          await appendFile(join(folder, 'samples.jsonl'), `${JSON.stringify({ step, ...sample })}\n`)
          log(`step ${step}, ${sample.label}: ${sample.prompt}|${sample.text.replace(/\s*\n\s*/g, ' ')}`)
        }
      } catch (error) {
        // Failed samples do not end a run. An abort of the stop signal is handled after the step.
        if (!stop.requested) log(`No samples at step ${step}: ${(error as Error).message}`)
      }
    },
  }
}
