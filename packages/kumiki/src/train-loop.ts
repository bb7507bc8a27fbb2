/** The steps of a run: metrics, evaluations and checkpoints along the way, until the last step or a signal. */
import { join } from 'node:path'
import { type HeldOutText, type Trainer, TrainingError } from '@kumiki/train'
import {
  listCheckpoints,
  MetricsLog,
  type RunFolder,
  type StopSignals,
  saveCheckpoint,
  TroubleWatch,
} from '@kumiki/train/node'
import { readJson, writeWhole } from './files.ts'
import { createProgress, type Progress } from './progress.ts'
import type { Recipe } from './recipe.ts'
import { gapRemark, type MadeWith, wayBack } from './resume.ts'
import type { Cadence } from './run-record.ts'

export interface LoopOptions {
  readonly trainer: Trainer
  readonly recipe: Recipe
  readonly cadence: Cadence
  readonly folder: RunFolder
  readonly runId: string
  readonly heldOut: HeldOutText
  readonly stop: StopSignals
  readonly device: string
  /** Whether an earlier step was asked for: the metrics after it are put aside. */
  readonly wentBack: boolean
  /** Seconds of training over all processes. */
  readonly seconds: () => number
  /** Called where the run stands in a safe place. */
  readonly onSaved: (step: number) => Promise<void>
  readonly log: (line: string) => void
}

/** A loss that has been wrong for so many steps is worth a word. */
const troubledSteps = 16

/** @throws TrainingError with the way back in its message; nothing for a signal: the caller looks at `stop` */
export async function trainLoop(options: LoopOptions): Promise<void> {
  const { trainer, recipe, folder, stop } = options
  const path = folder.path
  const aside = options.wentBack ? join(path, `metrics-before-${trainer.step}.jsonl`) : undefined
  const metricsLog = await MetricsLog.open(join(path, 'metrics.jsonl'), trainer.step, { aside })
  const gap = gapRemark(metricsLog.gaps)
  if (gap) options.log(gap)
  const watch = new TroubleWatch()
  for (const { step, loss, gradNorm } of metricsLog.kept)
    watch.push({ step: step!, loss: loss ?? Number.NaN, gradNorm: gradNorm ?? undefined })
  const progress = createProgress({ total: recipe.steps, start: trainer.step })
  const run: Loop = {
    ...options,
    metricsLog,
    watch,
    progress,
    evaluations: await openEvaluations(options),
    said: undefined,
  }
  try {
    await steps(run)
  } catch (error) {
    if (!(error instanceof TrainingError)) throw error
    const found = (await listCheckpoints(path)).flatMap(({ step, manifest }) => (manifest ? [step] : []))
    throw new TrainingError(`${error.message}. ${wayBack(path, trainer, recipe, found, watch.since)}`, { cause: error })
  } finally {
    progress.stop()
    await metricsLog.close()
  }
  if (watch.since !== undefined && trainer.step - watch.since >= troubledSteps && !stop.requested) {
    const found = (await listCheckpoints(path)).map(({ step }) => step)
    options.log(
      `The loss has been far above what it was since step ${watch.since}. ${wayBack(path, trainer, recipe, found, watch.since)}`,
    )
  }
}

interface Loop extends LoopOptions {
  readonly metricsLog: MetricsLog
  readonly watch: TroubleWatch
  readonly progress: Progress
  readonly evaluations: { step: number; natsPerToken: number }[]
  /** The step of trouble that was told of. */
  said: number | undefined
}

async function steps(run: Loop): Promise<void> {
  const { trainer, recipe, cadence, stop } = run
  const evaluateEvery = Math.max(1, Math.ceil(recipe.steps / 8))
  let lastSaved = performance.now()
  let savedStep = trainer.step
  const late = () => performance.now() - lastSaved >= cadence.minutes * 60_000
  // In pieces, so that no step is under way when a checkpoint or an evaluation looks at the state.
  while (trainer.step < recipe.steps && !(await stop.listen())) {
    const next = Math.min(
      recipe.steps,
      nextMultiple(trainer.step, cadence.steps),
      nextMultiple(trainer.step, evaluateEvery),
    )
    for await (const metrics of trainer.run(next)) {
      await record(run, metrics)
      if ((await stop.listen()) || late()) break
    }
    // The step that was under way.
    for await (const metrics of trainer.run(trainer.step)) await record(run, metrics)
    const end = trainer.step === recipe.steps
    if (trainer.step % cadence.steps === 0 || end || late() || stop.requested) {
      await save(run)
      lastSaved = performance.now()
      savedStep = trainer.step
    }
    if ((trainer.step % evaluateEvery === 0 || end) && !stop.requested) await evaluate(run)
  }
  // A signal may have come during an evaluation.
  if (trainer.step !== savedStep) await save(run)
}

async function record(run: Loop, metrics: Parameters<MetricsLog['append']>[0]): Promise<void> {
  await run.metricsLog.append({ ...metrics, seconds: run.seconds() })
  run.progress.update(metrics)
  run.watch.push(metrics)
}

async function save(run: Loop): Promise<void> {
  const { trainer, folder, cadence, watch } = run
  // Whoever took the run over meanwhile owns it now.
  await folder.check()
  const made: MadeWith = { recipe: run.recipe, device: run.device }
  await saveCheckpoint(folder.path, await trainer.snapshot(), {
    keep: cadence.keep,
    keepBefore: watch.since,
    context: { run: run.runId, seconds: run.seconds(), made: { ...made } },
  })
  await run.onSaved(trainer.step)
  if (watch.since !== undefined && watch.since !== run.said && trainer.step - watch.since >= troubledSteps) {
    run.said = watch.since
    const { since } = watch
    const before = (await listCheckpoints(folder.path)).findLast(({ step, manifest }) => manifest && step < since)
    run.progress.log(
      `The loss is far above what it was since step ${since}: ${before ? `the checkpoint of step ${before.step}, from before, is kept` : 'there is no checkpoint from before'}`,
    )
  }
}

async function openEvaluations({ trainer, folder }: LoopOptions): Promise<{ step: number; natsPerToken: number }[]> {
  const before = await readJson(join(folder.path, 'evaluations.json')).catch(() => [])
  if (!Array.isArray(before)) return []
  return before.filter((e) => Number.isSafeInteger(e?.step) && e.step <= trainer.step)
}

async function evaluate(run: Loop): Promise<void> {
  const { trainer, stop } = run
  if (run.evaluations.some(({ step }) => step === trainer.step)) return
  try {
    const { natsPerToken } = await trainer.evaluate(run.heldOut, { signal: stop.signal })
    run.evaluations.push({ step: trainer.step, natsPerToken })
    await writeWhole(join(run.folder.path, 'evaluations.json'), `${JSON.stringify(run.evaluations)}\n`)
  } catch (error) {
    if (!stop.requested) throw error
  }
}

function nextMultiple(step: number, every: number): number {
  return (Math.floor(step / every) + 1) * every
}
