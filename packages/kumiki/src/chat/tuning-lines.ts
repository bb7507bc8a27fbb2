/** Messages printed before fine-tuning begins. */
import type { Device } from '@kumiki/tensor'
import type { RunPlan } from '@kumiki/train/node'
import { log } from '../verb.ts'
import type { ChatFormat } from './chat-format.ts'
import type { TuningData } from './finetune-data.ts'

export function printTuningPlan(
  { folder, record }: RunPlan,
  of: {
    readonly format: ChatFormat
    readonly data: TuningData
    readonly device: Device
    readonly total: number
    readonly trainable: number
    readonly batches: { readonly sequencesPerEpoch: number; readonly targetsPerEpoch: number; readonly padding: number }
  },
): void {
  const { format, data, device, batches } = of
  const { configuration, tuning } = record
  const { counts } = data
  const n = (value: number) => value.toLocaleString('en')
  log(`Fine-tuning ${tuning?.model} with ${format.name}; run folder ${folder.path}`)
  log(
    `${n(counts.train)} conversations, ${n(counts.heldOut)} held out${counts.truncated ? `, ${n(counts.truncated)} truncated to ${configuration.sequenceLength} tokens` : ''}${counts.dropped ? `, ${n(counts.dropped)} dropped (too long, or no answer within the sequence)` : ''}`,
  )
  log(
    `${n(batches.sequencesPerEpoch)} sequences of ${n(configuration.sequenceLength)} tokens, ${(100 * batches.padding).toFixed(1)} % padding; ${n(batches.targetsPerEpoch)} answer tokens per epoch, ${((configuration.steps * configuration.batchSize) / batches.sequencesPerEpoch).toFixed(1)} epochs`,
  )
  log(
    `${n(of.total)} parameters, ${n(of.trainable)} of them trained; ${n(configuration.steps)} steps, learning rate ${configuration.learningRate ?? 'of the schedule'}`,
  )
  log(`Device: ${device.name}`)
}
