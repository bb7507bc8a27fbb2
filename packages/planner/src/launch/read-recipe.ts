/** The recipe that the flags of a launch describe. */
import type { LaunchFlags } from './launch-flags.ts'
import type { LaunchRecipe } from './launch-recipe.ts'

/** The fixed z-loss coefficient of LLM-jp's fork. */
const forkZLoss = 1e-4

/** @returns null if the optimizer or schedule is not supported; `notes` gets the reason */
export function recipeOf(flags: LaunchFlags, zLoss: boolean, notes: string[]): LaunchRecipe | null {
  const optimizer = flags.text('--optimizer') ?? 'adam'
  const style = flags.text('--lr-decay-style') ?? 'linear'
  const learningRate = flags.number('--lr', null)
  const trainSteps = flags.number('--train-iters', null)
  const wsdStyle = flags.text('--lr-wsd-decay-style')
  const wsdSteps = flags.number('--lr-wsd-decay-iters', null)
  const auxiliaryLoss = flags.number('--moe-aux-loss-coeff', null)
  const routerZLoss = flags.number('--moe-z-loss-coeff', null)
  const routerPrecision = flags.text('--moe-router-dtype')
  flags.has('--moe-router-pre-softmax')
  const collects = flags.has('--manual-gc')
  const collectSteps = flags.number('--manual-gc-interval', null)
  const timeoutMinutes = flags.number('--distributed-timeout-minutes', null)
  const runtime = {
    ...(flags.has('--moe-permute-fusion') && { permuteFusion: true }),
    ...(flags.has('--moe-router-fusion') && { routerFusion: true }),
    ...(flags.has('--no-mmap-bin-files') && { memoryMappedData: false }),
    ...(flags.has('--cross-entropy-loss-fusion') && { lossFusion: true }),
    ...(collects && collectSteps !== null && { garbageCollectionSteps: collectSteps }),
    ...(timeoutMinutes !== null && { timeoutMinutes }),
  }
  flags.text('--cross-entropy-fusion-impl')
  flags.text('--moe-router-load-balancing-type')
  const decaySteps = flags.number('--lr-decay-iters', trainSteps)
  const rest = {
    minLearningRate: flags.number('--min-lr', 0),
    warmupSteps: flags.number('--lr-warmup-iters', 0),
    beta1: flags.number('--adam-beta1', 0.9),
    beta2: flags.number('--adam-beta2', 0.999),
    epsilon: flags.number('--adam-eps', 1e-8),
    weightDecay: flags.number('--weight-decay', 0.01),
    maxGradNorm: flags.number('--clip-grad', 1),
  }
  const why =
    optimizer !== 'adam'
      ? `--optimizer ${optimizer}`
      : style !== 'cosine' && style !== 'WSD'
        ? `--lr-decay-style ${style}`
        : learningRate === null
          ? 'no --lr'
          : trainSteps === null
            ? 'no --train-iters'
            : null
  if (why !== null) {
    notes.push(`no recipe: ${why.slice(0, 80)}`)
    return null
  }
  return {
    learningRate: learningRate as number,
    trainSteps: trainSteps as number,
    decaySteps: decaySteps as number,
    ...rest,
    schedule: style === 'WSD' ? 'wsd' : 'cosine',
    ...(style === 'WSD' && {
      wsdDecaySteps: wsdSteps ?? 1,
      wsdDecayStyle: (wsdStyle ?? 'exponential') as LaunchRecipe['wsdDecayStyle'],
    }),
    ...(zLoss && { zLoss: forkZLoss }),
    ...(auxiliaryLoss !== null && { auxiliaryLoss }),
    ...(routerZLoss !== null && { routerZLoss }),
    ...(routerPrecision === 'fp32' && { routerPrecision }),
    ...runtime,
  } as LaunchRecipe
}
