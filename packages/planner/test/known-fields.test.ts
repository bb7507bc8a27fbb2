/** Unknown fields are refused with the nearest name, in every request of the package. */
import { expect, it } from 'vitest'
import {
  assessBudget,
  changeMemory,
  emitMegatron,
  emitSlurm,
  estimate,
  minimumGpus,
  plan,
  rankPlan,
  simulate,
  simulatePipeline,
} from '../src/index.ts'
import { readMegatron } from '../src/read.ts'
import { recipe, v3_13b } from './models.ts'

const cluster = { gpu: 'H100', nodes: 1, gpusPerNode: 8 }
const own = { tensorParallel: 2, pipelineParallel: 2, microBatchSize: 1, globalBatchSize: 8, sequenceLength: 2048 }
const base = { model: v3_13b, cluster, plan: own }
const search = { model: v3_13b, cluster, recipe: { globalBatchSize: 8, sequenceLength: 2048 } }
// As JavaScript calls it.
const any = (value: object) => value as never

it.each([
  [
    () => estimate(any({ ...base, plna: own })),
    'unknown field request.plna; known fields are model, cluster, plan, run',
  ],
  [
    () => estimate(any({ ...base, model: { ...v3_13b, expert: 8 } })),
    'unknown field model.expert; did you mean experts?',
  ],
  [
    () => estimate(any({ ...base, plan: { ...own, tensorParalel: 4 } })),
    'unknown field plan.tensorParalel; did you mean tensorParallel?',
  ],
  [
    () => estimate(any({ ...base, plan: { ...own, recomptue: 'full' } })),
    'unknown field plan.recomptue; did you mean recompute?',
  ],
  [() => estimate(any({ ...base, cluster: { ...cluster, pricePerHour: 2 } })), 'did you mean pricePerGpuHour?'],
  [() => estimate(any({ ...base, cluster: { ...cluster, network: { multirail: true } } })), 'did you mean multiRail?'],
  [() => estimate(any({ ...base, run: { token: 1e9 } })), 'unknown field run.token; did you mean tokens?'],
  [() => plan(any({ ...search, recipe: { ...search.recipe, seqLength: 1 } })), 'unknown field recipe.seqLength'],
  [() => simulate(any({ ...base, shedule: 'gpipe' })), 'unknown field request.shedule; did you mean schedule?'],
  [() => simulatePipeline(any({ stages: [], microbatches: 2 })), 'did you mean microBatches?'],
  [
    () => emitMegatron(any({ ...base, recipe: { ...recipe, zloss: 1e-4 } })),
    'unknown field recipe.zloss; did you mean zLoss?',
  ],
  [() => emitMegatron(any({ ...base, recipe, paths: { tokenizer: 'x' } })), 'unknown field request.paths.tokenizer'],
  [
    () => emitSlurm(any({ ...base, recipe }), any({ jobname: 'x' })),
    'unknown field options.jobname; did you mean jobName?',
  ],
  [() => readMegatron('x', any({ vocabulary: 3 })), 'unknown field options.vocabulary; known fields are'],
  [() => assessBudget(any({ model: v3_13b, tokens: 1, gpu: 'H100', gpudays: 1 })), 'did you mean gpuDays?'],
])('%s', (call, message) => {
  expect(call).toThrow(message)
})

it('takes a resolved plan again', () => {
  const first = estimate(base)
  expect(estimate({ ...base, plan: first.plan }).stepSeconds).toBe(first.stepSeconds)
})

it.each([undefined, null, 5, 'x'])('a search that is %j is named', (given) => {
  const missing = any(given as unknown as object)
  for (const ask of [
    () => plan(missing),
    () => rankPlan(missing, own),
    () => changeMemory(missing),
    () => minimumGpus(missing),
  ])
    expect(ask).toThrow('search must be an object, got ')
  expect(() => changeMemory(any({}))).toThrow('cluster must be an object, got undefined')
  expect(() => minimumGpus(any({ cluster }))).toThrow('recipe must be an object, got undefined')
})
