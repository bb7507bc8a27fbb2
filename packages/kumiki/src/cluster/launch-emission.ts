/** The launch of a plan, in the forms `plan --emit` and `estimate --emit` write. */
import type { Cluster, LaunchRequest, ParallelPlan, SizedRecipe } from '@kumiki/planner'
import type { Command } from 'commander'
import { choice } from '../flags/flag-values.ts'
import type { NamedModel } from '../flags/planner-flags.ts'
import { checkedUse, UsageError } from '../usage-error.ts'

export interface EmissionFlags {
  emit?: 'megatron' | 'slurm' | 'torchtitan' | 'torchtitan-toml'
  recipeOf?: string
  tokenizer?: string
  dataPath?: string[]
  checkpoints?: string
  tokens?: number
}

/** Declares them, but for the one that names the fork. */
export function addEmissionFlags(command: Command): Command {
  return command
    .addOption(
      choice('--emit <form>', 'write the launch of a plan', ['megatron', 'slurm', 'torchtitan', 'torchtitan-toml']),
    )
    .option('--recipe-of <name>', "emit with a known model's optimizer and schedule (default: the model's own)")
    .option('--tokenizer <file>', 'emit: SentencePiece model')
    .option('--data-path <word...>', 'emit: weights and prefixes of token files')
    .option('--checkpoints <folder>', 'emit: where checkpoints go')
}

/** What is emitted: the parts as JSON, and the text for people. */
export interface Emission {
  readonly data: Readonly<Record<string, unknown>>
  readonly text: string
}

/**
 * @param recipe in place of the model's own or that of --recipe-of
 * @throws UsageError for a plan or model that the form does not have, or where there is no recipe
 */
export async function emission(
  options: EmissionFlags,
  megatron: 'upstream' | 'llm-jp',
  named: NamedModel,
  cluster: Cluster,
  plan: ParallelPlan,
  recipe?: SizedRecipe,
): Promise<Emission> {
  const planner = await import('@kumiki/planner')
  const own = recipe ?? (await ownRecipe(named, options))
  // A recipe is of a batch and a number of tokens: steps and schedule follow what was asked for.
  const { globalBatchSize, sequenceLength } = plan
  const fitted = checkedUse(() => planner.fitRecipe(own, { globalBatchSize, sequenceLength, tokens: options.tokens }))
  const changes = [...named.notes, ...fitted.changes]
  const { ropeTheta, rmsNormEps, initializerRange } = named
  const request: LaunchRequest = {
    model: { ...named.model, name: named.name },
    cluster,
    plan,
    recipe: fitted.recipe,
    megatron,
    ...(ropeTheta !== undefined && { ropeTheta }),
    ...(rmsNormEps !== undefined && { rmsNormEps }),
    ...(initializerRange !== undefined && { initializerRange }),
    paths: { tokenizerModel: options.tokenizer, data: options.dataPath, checkpoints: options.checkpoints },
  }
  const remarks = changes.map((change) => `# ${change}\n`).join('')
  if (options.emit === 'slurm') {
    const script = checkedUse(() => planner.emitSlurm(request))
    // The first line of a script stays the first.
    const text = script.replace(/^(#!.*\n(?:#SBATCH.*\n)*)/, (head) => head + remarks)
    return { data: { script: text, changes }, text }
  }
  if (options.emit === 'torchtitan' || options.emit === 'torchtitan-toml') {
    const job = checkedUse(() => planner.emitTorchtitan(request))
    const [command, file] = options.emit === 'torchtitan' ? [job.command, job.python] : [job.tomlCommand, job.toml]
    return { data: { ...job, changes }, text: `# ${command}\n${remarks}${file}` }
  }
  const launch = checkedUse(() => planner.emitMegatron(request))
  const notes = [...changes, ...launch.notes]
  return {
    data: { ...launch, notes, changes },
    text: [...notes.map((note) => `# ${note}`), launch.command].join('\n'),
  }
}

/** Optimizer and schedule of a launch. */
async function ownRecipe(named: NamedModel, options: EmissionFlags): Promise<SizedRecipe> {
  const { recipe: own, layout: ownLayout } = named.published ?? {}
  const { findModel, launchRecipe } = await import('@kumiki/models/configs')
  if (options.recipeOf === undefined && own && ownLayout) return launchRecipe(own, ownLayout)
  if (options.recipeOf === undefined) {
    throw new UsageError(
      `--emit: ${named.name} has no training recipe; --recipe-of NAME takes that of a known model, such as llm-jp-3-1.8b`,
    )
  }
  const { name, recipe, layout } = checkedUse(() => findModel(options.recipeOf as string))
  if (!recipe || !layout) throw new UsageError(`--recipe-of ${name}: it has no training recipe`)
  return launchRecipe(recipe, layout)
}
