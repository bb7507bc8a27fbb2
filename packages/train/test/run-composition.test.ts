/** Options of a run: budgets, early stopping, averages, extra metrics, non-finite losses. */
import { adamw, averageWeights, chain, clipGlobalNorm } from '@kumiki/optim'
import { type Device, init } from '@kumiki/tensor'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bf16, EarlyStop, Run, type RunObserver, type RunOptions, type RunRewind, TrainingError } from '../src/index.ts'
import { documents, expectEqualStates, heldOut, type TinyRun, tinyOptions } from './tiny.ts'

let device: Device
beforeAll(async () => {
  device = await init({ backend: 'cpu', threads: 1 })
})
afterAll(() => device.dispose())

const options = ({ steps = 8, ...extra }: Partial<RunOptions> & TinyRun = {}): RunOptions => ({
  ...tinyOptions(device, { seed: 1, ...extra }),
  heldOut: heldOut(documents.slice(0, 4)),
  steps,
})

async function end(run: Run) {
  try {
    return await run.train()
  } finally {
    run.dispose()
  }
}

test('a budget of tokens or minutes ends a run as its last step would', async () => {
  const seen: (number | string)[] = []
  const watcher: RunObserver = {
    onStep: ({ step }) => void seen.push(step),
    onCheckpoint: ({ trainer }) => void seen.push(`checkpoint ${trainer.step}`),
    onEvaluation: ({ step }) => void seen.push(`evaluation ${step}`),
  }
  const tokens = await end(Run.create(options({ budget: { tokens: 2 * 64 } }), [watcher]))
  expect(tokens).toEqual({ kind: 'finished', because: 'the budget of 128 tokens is used up' })
  // Metrics come a step late.
  expect(seen).toEqual([1, 2, 3, 'checkpoint 3', 'evaluation 3'])
  const minutes = await end(Run.create(options({ budget: { minutes: 1e-9 } })))
  expect(minutes).toEqual({ kind: 'finished', because: expect.stringMatching(/minutes is used up/) })
  const spent = Run.create(options({ budget: { minutes: 5, spentMinutes: 5 } }))
  expect(await spent.train()).toEqual({ kind: 'finished', because: 'the budget of 5 minutes is used up' })
  expect(spent.trainer.step).toBe(0)
  spent.dispose()
  expect(() => Run.create(options({ budget: { tokens: 0 } }))).toThrow(/budget.tokens must be above 0, got 0/)
})

test('a run ends where evaluations no longer become better', async () => {
  const stop = new EarlyStop({ patience: 2, minDelta: 0.1 })
  expect([3, 2, 1.95, 1.8, 1.75, 1.71].map((loss, i) => stop.push(i, loss) !== undefined)).toEqual([
    false,
    false,
    false,
    false,
    false,
    true,
  ])
  expect(() => new EarlyStop({ patience: 0 })).toThrow(/patience must be an integer of at least 1, got 0/)
  const run = Run.create(
    options({ schedule: () => 0, cadence: { evaluationSteps: 1 }, earlyStop: { patience: 2 }, steps: 50 }),
  )
  expect(await end(run)).toEqual({
    kind: 'finished',
    because: expect.stringMatching(/was lowest at step 1 .* has not improved in 2 evaluations since/),
  })
  // Those of earlier processes count: one more that is no better ends it, and where none is wanted no step is made.
  const going = async (recalled: readonly number[]) => {
    const again = Run.create(
      options({ schedule: () => 0, cadence: { evaluationSteps: 1 }, earlyStop: { patience: 2 } }),
      [{ onStart: (run) => recalled.forEach((loss, i) => void run.recall(i - recalled.length, loss)) }],
    )
    const { kind } = await again.train()
    const made = again.trainer.step
    again.dispose()
    return [kind, made]
  }
  expect(await going([1, 2])).toEqual(['finished', 1])
  expect(await going([1, 2, 3])).toEqual(['finished', 0])
})

test('the average of the weights is what is evaluated, and begins where a checkpoint has none', async () => {
  const optimizer = chain(clipGlobalNorm(1), averageWeights(adamw(), { decay: 0.9 }))
  const text = heldOut(documents.slice(0, 4))
  let told = 0
  const evaluated: RunObserver = {
    onEvaluation: ({ natsPerToken }) => {
      told = natsPerToken
    },
  }
  const run = Run.create(options({ optimizer, precision: bf16 }), [evaluated])
  await run.train()
  const { trainer } = run
  const plain = await trainer.evaluate(text)
  expect(plain.natsPerToken).toBeLessThan(told - 0.01) // the average lags behind
  const average = trainer.averagedParameters()
  expect(Object.keys(average)).toEqual(Object.keys(trainer.parameters))
  expect(average['model.layers.0.mlp.up_proj.weight'].dtype).toBe('bfloat16')
  trainer.disposeAverage(average)
  const snapshot = await trainer.snapshot()
  const arrays = new Map([...snapshot.arrays].filter(([name]) => !name.startsWith('optimizer.average.')))
  const other = Run.create(options({ optimizer, precision: bf16 }))
  await other.trainer.restore({ ...snapshot, arrays })
  expect((await other.trainer.evaluate(text, { averaged: true })).nats).toBe(plain.nats)
  run.dispose()
  other.dispose()
  const without = Run.create(options())
  expect(() => without.trainer.averagedParameters()).toThrow(/keeps no average; wrap it with averageWeights/)
  without.dispose()
})

test('extra metrics reach observers, and change none of the step', async () => {
  const seen: unknown[] = []
  const extraMetrics = ({ step }: { step: number }) => ({ double: 2 * step, loss: -1 })
  const run = Run.create(options({ steps: 2, extraMetrics }), [
    { onStep: (m) => void seen.push([m.double, m.loss > 0]) },
  ])
  await end(run)
  expect(seen).toEqual([
    [2, true],
    [4, true],
  ])
})

test('a loss that is no number is told with a tensor; or the run goes back and leaves the batches out', async () => {
  const wild = (step: number) => (step === 5 ? 1e30 : 3e-3)
  await expect(end(Run.create(options({ schedule: wild })))).rejects.toThrow(
    /step \d: the .* The gradients of (all|\d+) of \d+ tensors are NaN.* the one closest to the loss is that of (model|lm_head)\.\S+\. The first parameter with non-finite values is now model\.\S+, with \d+ of \d+/,
  )
  // A rate that is wild once: after the way back it is not.
  let calls = 0
  const once = (step: number) => (step === 5 && calls++ === 0 ? 1e30 : 3e-3)
  const rewinds: RunRewind[] = []
  const steps: number[] = []
  const run = Run.create(options({ schedule: once, cadence: { checkpointSteps: 4 }, onNonFinite: 'rewind' }), [
    { onRewind: (r) => void rewinds.push(r), onStep: ({ step }) => void steps.push(step) },
  ])
  expect((await run.train()).kind).toBe('finished')
  expect(rewinds).toEqual([
    {
      fromStep: expect.any(Number),
      toStep: 4,
      reason: expect.stringMatching(/^step \d+: the (loss|gradient norm) is (NaN|Infinity)$/),
    },
  ])
  expect(steps.slice(-4)).toEqual([5, 6, 7, 8])
  // The same as a run that was given the batches by hand.
  const byHand = Run.create(options({ steps: 4 }))
  await byHand.train()
  await byHand.trainer.skipBatches(rewinds[0].fromStep - 4)
  for await (const _ of byHand.trainer.run(8)) void _
  await expectEqualStates(run.trainer, byHand.trainer)
  run.dispose()
  byHand.dispose()
  await expect(end(Run.create(options({ schedule: wild, onNonFinite: 'rewind' })))).rejects.toThrow(TrainingError)
})

test('a parameter that is no number is named, and not saved over what is', async () => {
  let calls = 0
  const infinite = (step: number) => (step === 4 && calls++ === 0 ? 1e39 : 3e-3)
  const saved: number[] = []
  const watcher: RunObserver = { onCheckpoint: ({ trainer }) => void saved.push(trainer.step) }
  const cadence = { checkpointSteps: 1 }
  const wild = Run.create(options({ schedule: infinite, cadence }), [watcher])
  await expect(end(wild)).rejects.toThrow(
    /step 5: the update left \d+ of \d+ values of model\.\S+ NaN or infinite; training stopped without a checkpoint of this state/,
  )
  expect(saved).toEqual([1, 2, 3, 4])
  calls = 0
  const rewinds: RunRewind[] = []
  const back = Run.create(options({ schedule: infinite, cadence, onNonFinite: 'rewind' }), [
    { onRewind: (r) => void rewinds.push(r) },
  ])
  expect((await end(back)).kind).toBe('finished')
  expect(rewinds).toEqual([{ fromStep: 5, toStep: 4, reason: expect.stringMatching(/NaN or infinite$/) }])
})
