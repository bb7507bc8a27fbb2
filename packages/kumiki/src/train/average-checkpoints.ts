/** The mean of checkpoints' weights, which often generalises better than the last of them. @see arXiv:2203.05482, arXiv:1803.05407 */
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
 * Sums in float64, one checkpoint in memory at a time, and writes a model folder as Hugging Face tools read it, with the first run's tokenizer.
 * @param runs `RUN` or `RUN@STEP`
 * @throws UsageError for checkpoints of different models, and a folder that holds a model; Error naming a file
 */
export async function averageCheckpoints(
  runs: readonly string[],
  out: string,
  averaged: boolean,
): Promise<{ readonly steps: readonly number[]; readonly parameters: number; readonly folder: string }> {
  if (await exists(join(out, 'config.json'))) throw new UsageError(`--out ${out}: there is a model in it already`)
  const prefix = averaged ? 'optimizer.average.' : 'params.'
  const sums = new Map<string, { shape: readonly number[]; data: Float64Array }>()
  const steps: number[] = []
  let first: Awaited<ReturnType<typeof originOf>> | undefined
  for (const run of runs) {
    const origin = await originOf(run, {})
    if (origin.record.tuning?.adapter)
      throw new UsageError(`${run}: its checkpoints hold an adapter alone; give runs whose weights are all trained`)
    const arrays = [...origin.snapshot.arrays].filter(([name]) => name.startsWith(prefix))
    if (arrays.length === 0)
      throw new UsageError(`${run}: it keeps no moving average (kumiki train --average-decay); leave --averaged out`)
    for (const [key, { shape, data }] of arrays) {
      const name = key.slice(prefix.length)
      const sum = sums.get(name)
      if (!first) sums.set(name, { shape, data: Float64Array.from(data) })
      else if (sum?.shape.join() !== shape.join())
        throw new UsageError(
          `${run}: ${name} is [${shape.join(', ')}], in ${runs[0]} ${sum ? `[${sum.shape.join(', ')}]` : 'it is not there'}: only checkpoints of one model have a mean`,
        )
      else for (let i = 0; i < data.length; i++) sum.data[i] += data[i]
    }
    if (first && arrays.length !== sums.size) throw new UsageError(`${run}: it has other parameters than ${runs[0]}`)
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
