/** `kumiki train`: text to tokenizer to model to report, in one run folder. */
import { RunConfigurationError } from '@kumiki/train'
import { RunFolderError, Stopped, StopSignals, shellWord } from '@kumiki/train/node'
import { loadKinds } from '../flags/run-kinds.ts'
import { UsageError } from '../usage-error.ts'
import { log } from '../verb.ts'
import type { FinishedRun } from './finished-run.ts'
import { planTrain } from './plan-train.ts'
import { keptIn, resumeHint, type StopPlace, stopped } from './stop-place.ts'
import type { TrainCommandOptions } from './train-options.ts'
import { TrainProcess } from './train-process.ts'

/** @throws Stopped for a signal, when everything is in a safe place; UsageError for flags that do not fit */
export async function runTrain(options: TrainCommandOptions): Promise<FinishedRun> {
  const started = performance.now()
  const kinds = await loadKinds(options.kinds)
  const plan = await asUsage(() => planTrain(options, kinds))
  if (plan.record.tuning) {
    await plan.folder.release()
    throw new UsageError(
      `--resume: ${plan.folder.path} is a fine-tuning; go on with: kumiki finetune --resume ${shellWord(plan.folder.path)}`,
    )
  }
  const where: StopPlace = { phase: 'before the first step', kept: await keptIn(plan.folder) }
  const stop = new StopSignals({
    onRequest: (signal) =>
      log(`${signal}: stopping ${where.stepping ? 'after the current step' : 'here'}; a second signal ends it at once`),
    onSecond: (signal) => log(`${signal}: ended at once. ${resumeHint(plan.folder.path, where.kept)}`),
  })
  try {
    return await asUsage(() => new TrainProcess(plan, options, kinds, stop, where, started).train())
  } catch (error) {
    throw error instanceof Stopped ? stopped(error.signal, plan.folder.path, where) : error
  } finally {
    stop.dispose()
    await plan.folder.release()
  }
}

/** A folder that cannot be taken, and a configuration that cannot be, are wrong use. */
async function asUsage<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof RunFolderError || error instanceof RunConfigurationError)
      throw new UsageError(error.message, { cause: error })
    throw error
  }
}
