/**
 * Averages the weights of checkpoints (model soup), which often generalizes better than the last checkpoint.
 * @see arXiv:2203.05482, arXiv:1803.05407
 */
import { join } from 'node:path'
import type { ModelArchitecture } from '@kumiki/models'
import { copyTokenizerFiles, saveModel } from '@kumiki/models/node'
import { init, type Tensor } from '@kumiki/tensor'
import { findPrecision } from '@kumiki/train'
import { originOf } from '@kumiki/train/node'
import { exists } from '../files/files.ts'
import { UsageError } from '../usage-error.ts'
import { openRunTokenizer } from './run-tokenizer.ts'

/**
 * Sums in float64 with one checkpoint in memory at a time, and writes a model folder in Hugging Face's layout, with the
 * first run's tokenizer.
 * @param runs `RUN` or `RUN@STEP`
 * @throws UsageError for checkpoints of different models, or if `out` contains a model; Error naming a file
 */
export async function averageCheckpoints(
  runs: readonly string[],
  out: string,
  averaged: boolean,
): Promise<{ readonly steps: readonly number[]; readonly parameters: number; readonly folder: string }> {
  if (await exists(join(out, 'config.json')))
    throw new UsageError(`--out ${out}: already contains a model; give a new folder`)
  const prefix = averaged ? 'optimizer.average.' : 'params.'
  const sums = new Map<string, { shape: readonly number[]; data: Float64Array }>()
  const steps: number[] = []
  let first: Awaited<ReturnType<typeof originOf>> | undefined
  for (const run of runs) {
    const origin = await originOf(run, {})
    if (origin.record.tuning?.adapter)
      throw new UsageError(`${run}: its checkpoints contain only an adapter; give runs that train all weights`)
    const arrays = [...origin.snapshot.arrays].filter(([name]) => name.startsWith(prefix))
    if (arrays.length === 0)
      throw new UsageError(`${run}: no moving average was kept (kumiki train --average-decay); leave --averaged out`)
    for (const [key, { shape, data }] of arrays) {
      const name = key.slice(prefix.length)
      const sum = sums.get(name)
      if (!first) sums.set(name, { shape, data: Float64Array.from(data) })
      else if (sum?.shape.join() !== shape.join())
        throw new UsageError(
          `${run}: ${name} is [${shape.join(', ')}], in ${runs[0]} ${sum ? `[${sum.shape.join(', ')}]` : 'it is missing'}; only checkpoints of the same model can be averaged`,
        )
      else for (let i = 0; i < data.length; i++) sum.data[i] += data[i]
    }
    if (first && arrays.length !== sums.size)
      throw new UsageError(
        `${run}: its parameters differ from those of ${runs[0]}; only checkpoints of the same model can be averaged`,
      )
    first ??= origin
    steps.push(origin.step)
  }
  const { folder, record } = first!
  const { vocabSize, bosId, eosId } = await openRunTokenizer(folder)
  const architecture: ModelArchitecture = { ...record.architecture, vocabSize, paddedVocabSize: vocabSize }
  const device = await init({ backend: 'cpu', threads: 1 })
  try {
    const parameters: Record<string, Tensor> = {}
    let count = 0
    for (const [name, { shape, data }] of sums) {
      parameters[name] = device.tensor(
        Float32Array.from(data, (x) => x / runs.length),
        shape,
      )
      count += data.length
    }
    const dtype = findPrecision(record.configuration.precision).parameters === 'float32' ? 'float32' : 'bfloat16'
    await saveModel(out, architecture, parameters, {
      dtype,
      ...(bosId >= 0 && { bosTokenId: bosId }),
      eosTokenId: eosId,
    })
    await copyTokenizerFiles(folder, out)
    return { steps, parameters: count, folder: out }
  } finally {
    device.dispose()
  }
}
