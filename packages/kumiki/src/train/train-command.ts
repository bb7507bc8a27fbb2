/** `kumiki train`: trains a tokenizer and a model on text, and writes them and a report to a run folder. */
import { RunConfigurationError } from '@kumiki/train'
import { RunFolderError, Stopped, StopSignals, shellQuote } from '@kumiki/train/node'
import { loadPlugin } from '../flags/plugin.ts'
import { UsageError } from '../usage-error.ts'
import { log } from '../verb.ts'
import type { FinishedRun } from './finished-run.ts'
import { planTrain } from './plan-train.ts'
import { keptIn, resumeHint, type StopPlace, stopped } from './stop-place.ts'
import type { TrainCommandOptions } from './train-options.ts'
import { TrainProcess } from './train-process.ts'

/** @throws Stopped on a signal, after the state is saved; UsageError for invalid flags */
export async function runTrain(options: TrainCommandOptions): Promise<FinishedRun> {
  const started = performance.now()
  const kinds = await loadPlugin(options.plugin)
  const plan = await asUsage(() => planTrain(options, kinds))
  if (plan.record.tuning) {
    await plan.folder.release()
    throw new UsageError(
      `--resume: ${plan.folder.path} is a fine-tuning run; resume it with: kumiki finetune --resume ${shellQuote(plan.folder.path)}`,
    )
  }
  const where: StopPlace = { phase: 'before the first step', kept: await keptIn(plan.folder) }
  const stop = new StopSignals({
    onRequest: (signal) =>
      log(
        `${signal}: stopping ${where.stepping ? 'after the current step' : 'now'}; a second signal exits immediately`,
      ),
    onSecond: (signal) => log(`${signal}: exiting immediately. ${resumeHint(plan.folder.path, where.kept)}`),
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

/** Errors of the run folder and of the configuration are usage errors. */
async function asUsage<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof RunFolderError || error instanceof RunConfigurationError)
      throw new UsageError(error.message, { cause: error })
    throw error
  }
}
