/** Observers at the beginning and end of a fine-tuning run: the first evaluation, and saving the model. */
import { join } from 'node:path'
import type { Device } from '@kumiki/tensor'
import type { RunObserver } from '@kumiki/train'
import { type RunClock, type RunPlan, type RunTuning, type StopSignals, writeFileAtomically } from '@kumiki/train/node'
import { readJson } from '../files/files.ts'
import { log } from '../verb.ts'
import type { ChatFormat } from './chat-format.ts'
import type { TuningData } from './finetune-data.ts'
import { saveTunedModel, type TunedModel } from './tuned-model.ts'

/** The result of a fine-tuning run, also written to finetune.json. */
export interface FinishedTuning {
  readonly folder: string
  readonly model: string
  /** Contents of the folder: a complete model, or an adapter that needs its base. */
  readonly kind: 'model' | 'adapter'
  readonly template: string
  readonly conversations: TuningData['counts']
  readonly sequenceLength: number
  readonly parameters: number
  /** Number of trained parameters. */
  readonly trainable: number
  readonly steps: number
  readonly tokens: number
  readonly seconds: number
  readonly device: string
  /**
   * Loss on the answers of held-out conversations, before the first step and after the last; null if there are none.
   */
  readonly heldOut: { readonly before: number | null; readonly after: number | null; readonly tokens: number } | null
}

interface FinishOptions {
  readonly device: Device
  readonly plan: RunPlan
  readonly from: string
  readonly format: ChatFormat
  readonly data: TuningData
  readonly tuned: TunedModel
  readonly clock: RunClock
  readonly stop: StopSignals
  readonly trainable: number
  readonly total: number
  readonly first: { before(): number | null }
}

/**
 * Evaluates before the first step and stores the result with later evaluations. It must come before observers that read
 * them.
 */
export function firstEvaluation(
  folder: string,
  { heldOut }: TuningData,
  stop: StopSignals,
): RunObserver & { before(): number | null } {
  const path = join(folder, 'evaluations.json')
  let before: number | null = null
  return {
    before: () => before,
    async onStart({ trainer }) {
      if (!heldOut) return
      if (trainer.step > 0) {
        const earlier = await readJson(path).catch(() => [])
        if (Array.isArray(earlier)) before = earlier.find((e) => e?.step === 0)?.natsPerToken ?? null
        return
      }
      before = (await trainer.evaluate(heldOut, { signal: stop.signal })).natsPerToken
      log(`Held-out loss before tuning: ${before.toFixed(4)} nats per answer token`)
      await writeFileAtomically(path, `${JSON.stringify([{ step: 0, natsPerToken: before }])}\n`)
    },
  }
}

/** Saves the model after the last step. */
export function finishObserver(options: FinishOptions): RunObserver & { result(): FinishedTuning } {
  const { device, plan, from, format, data, tuned, clock, stop } = options
  const { folder, record } = plan
  let made: FinishedTuning | undefined
  return {
    result() {
      if (!made) throw new Error('finishObserver: the run has not finished')
      return made
    },
    async onEnd({ kind }, { trainer }) {
      if (kind !== 'finished') return
      const after = data.heldOut && (await trainer.evaluate(data.heldOut, { signal: stop.signal }))
      await folder.check()
      const tuning = record.tuning as RunTuning
      await saveTunedModel(device, folder.path, from, tuned, trainer, { tuning, template: format.template })
      made = {
        folder: folder.path,
        model: tuning.model,
        kind: tuned.lora && !tuning.merge ? 'adapter' : 'model',
        template: format.name,
        conversations: data.counts,
        sequenceLength: record.configuration.sequenceLength,
        parameters: options.total,
        trainable: options.trainable,
        steps: trainer.step,
        tokens: trainer.tokens,
        seconds: clock.seconds(),
        device: device.name,
        heldOut: after ? { before: options.first.before(), after: after.natsPerToken, tokens: after.tokens } : null,
      }
      await writeFileAtomically(join(folder.path, 'finetune.json'), `${JSON.stringify(made, null, 2)}\n`)
    },
  }
}
