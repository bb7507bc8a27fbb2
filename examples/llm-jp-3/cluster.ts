/**
 * Plans a model on the cluster it was trained on: memory, speed and cost of its layout, its rank among other layouts,
 * and its launch script.
 */
import { writeFile } from 'node:fs/promises'
import { launchPlan, launchRecipe, type Model } from '@kumiki/models/configs'
import { type Cluster, emitSlurm, estimate, fromArchitecture, rankPlan } from '@kumiki/planner'
import { count, duration, field, gibibytes, percent, section } from './text.ts'

/**
 * @param price dollars per GPU-hour
 * @param launchFile output file of the Slurm script
 */
export async function showCluster(model: Model, price: number, launchFile: string | undefined): Promise<void> {
  const { architecture, recipe, layout } = model
  if (!recipe || !layout) return
  section('On its cluster')
  if (layout.nodes === null) {
    console.log(
      '  The number of nodes is an argument of the launch scripts and not published; kumiki plan finds a plan for any.',
    )
    return
  }
  const planned = { model: fromArchitecture(architecture, model.name), plan: launchPlan(recipe, layout) }
  const cluster: Cluster = {
    gpu: /^[A-Z]+\d+/.exec(layout.gpu)![0],
    nodes: layout.nodes,
    gpusPerNode: layout.gpusPerNode,
    pricePerGpuHour: price,
  }
  const tokens = recipe.trainSteps * recipe.globalBatchSize * recipe.sequenceLength
  const found = estimate({ ...planned, cluster, run: { tokens } })
  field('GPUs', `${count(found.gpuCount)} ${layout.gpu} in ${layout.nodes} nodes`)
  field(
    'layout',
    `TP ${layout.tensorParallel}, PP ${layout.pipelineParallel}, CP ${layout.contextParallel}, EP ${layout.expertParallel}, DP ${layout.dataParallel}, micro batch ${layout.microBatchSize}`,
  )
  field('memory per GPU', `at most ${gibibytes(found.memoryBytes)}, ${percent(found.memoryFraction)}`)
  field(
    'step time',
    `${found.stepSeconds.toFixed(2)} s tuned, ${found.ordinary.stepSeconds.toFixed(2)} s typical; MFU ${percent(found.mfu)} and ${percent(found.ordinary.mfu)}`,
  )
  const ordinary = found.ordinary.run!
  field(
    'whole run',
    `${(tokens / 1e12).toFixed(2)}T tokens, ${count(recipe.trainSteps)} steps: ${duration(ordinary.days * 86_400)}, ${count(ordinary.gpuDays)} GPU-days, $${count(ordinary.price!)} at $${price} per GPU-hour`,
  )
  field('expected failures', `${ordinary.lost.failures.toFixed(1)}; goodput ${percent(ordinary.lost.goodput)}`)
  const { globalBatchSize, sequenceLength } = recipe
  const place = rankPlan({ model: planned.model, cluster, recipe: { globalBatchSize, sequenceLength } }, planned.plan)
  const part = (n: number) => `${count(n)} of ${count(place.feasible)}`
  field('other plans', `${part(place.faster)} that fit are faster, ${part(place.moreStable)} more stable`)
  if (launchFile === undefined) return
  const script = emitSlurm({
    ...planned,
    cluster,
    recipe: launchRecipe(recipe, layout),
    megatron: 'llm-jp',
    ropeTheta: architecture.ropeTheta,
    rmsNormEps: architecture.rmsNormEps,
    initializerRange: architecture.initializerRange,
    qkNorm: architecture.qkNorm,
  })
  await writeFile(launchFile, script)
  field('launch', `${launchFile} (for sbatch; fill in the paths of data and tokenizer)`)
}
