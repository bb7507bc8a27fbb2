/**
 * What is emitted for every model of LLM-jp beside the flags of LLM-jp's own script for it: equal, or a difference that
 * is named here. `llm-jp-launches.json` is made by `make_llm_jp_launches.py` beside it.
 */
import { readFileSync } from 'node:fs'
import { findModel, launchPlan, launchRecipe, listModels } from '@kumiki/models/configs'
import { emitMegatron, fromArchitecture } from '@kumiki/planner'
import { describe, expect, it } from 'vitest'

type Flags = Readonly<Record<string, readonly string[]>>

const scripts: Readonly<Record<string, { source: string; flags: Flags }>> = JSON.parse(
  readFileSync(new URL('../../planner/vectors/llm-jp-launches.json', import.meta.url), 'utf8'),
)

/** Flags of theirs that are not written, and why nothing is lost. */
const theirsAlone: Readonly<Record<string, string>> = {
  '--use-mcore-models': 'the default since core_v0.10, ignored',
  '--use-flash-attn': 'in the older scripts: --attention-backend flash',
  '--no-masked-softmax-fusion': 'unfused attention alone has it',
  '--attention-softmax-in-fp32': 'unfused attention alone asks for it',
  '--transformer-impl': 'transformer_engine is the default',
  '--distributed-backend': 'nccl is the default',
  '--accumulate-allreduce-grads-in-fp32': 'Megatron-LM turns it on with --bf16',
  '--use-mpi': "how LLM-jp's fork is started",
  '--no-position-embedding': 'ignored with --position-embedding-type rope',
  '--recompute-activations': 'the older name of --recompute-granularity selective',
  '--num-layers-per-virtual-pipeline-stage': 'the same in layers; --num-virtual-stages-per-pipeline-rank is written',
  '--rerun-mode': 'what happens after a step that is not a number',
  '--num-dataset-builder-threads': 'how fast token files are indexed',
  '--async-save': 'how checkpoints are written',
  '--use-persistent-ckpt-worker': 'how checkpoints are written',
  '--override-opt_param-scheduler': 'of a run that goes on',
  '--tokenizer-type': 'written for all',
}

/** Flags of ours that a script leaves to a default, with the default. */
const oursAlone: Readonly<Record<string, readonly string[]>> = {
  '--expert-model-parallel-size': ['1'],
  '--rotary-base': ['10000'],
  '--attention-backend': ['flash'],
  // They hold for the core attention where --recompute-activations stands alone.
  '--recompute-granularity': ['selective'],
  '--recompute-modules': ['core_attn'],
  '--moe-grouped-gemm': [],
}

/** Written for every launch, whatever the script: where files go, when they are saved. */
const ours = /^--(data-path|tokenizer-\w+|save|load|save-interval|ckpt-format|eval-\w+|split|log-\S+)$/

function emit(name: string): Flags {
  const { architecture, recipe, layout } = findModel(name)
  if (!recipe || !layout) throw new Error(name)
  const plan = launchPlan(recipe, layout)
  const world = plan.tensorParallel * plan.pipelineParallel * Math.max(8, plan.expertParallel ?? 1)
  const { args } = emitMegatron({
    model: fromArchitecture(architecture),
    cluster: {
      gpu: /^[AHB]\d+/.exec(layout.gpu)?.[0] as string,
      nodes: layout.nodes ?? Math.max(1, world / 8),
      gpusPerNode: 8,
    },
    plan,
    recipe: launchRecipe(recipe, layout),
    megatron: 'llm-jp',
    ropeTheta: architecture.ropeTheta,
    rmsNormEps: architecture.rmsNormEps,
    initializerRange: architecture.initializerRange,
    qkNorm: architecture.qkNorm,
  })
  const flags: Record<string, string[]> = {}
  let last = ''
  for (const word of args) {
    if (word.startsWith('--')) flags[(last = word)] = []
    else flags[last].push(word)
  }
  return flags
}

const value = (words: readonly string[]) => words.map((word) => (Number.isNaN(Number(word)) ? word : Number(word)))

/** Differences as "flag: ours | theirs", without those that are explained. */
function differences(mine: Flags, theirs: Flags): string[] {
  const found: string[] = []
  for (const [flag, words] of Object.entries(theirs)) {
    if (ours.test(flag)) continue
    if (flag in mine) {
      if (JSON.stringify(value(mine[flag])) !== JSON.stringify(value(words)))
        found.push(`${flag}: ${mine[flag].join(' ')} | ${words.join(' ')}`)
    } else if (!(flag in theirsAlone)) found.push(`${flag}: - | ${words.join(' ')}`)
  }
  for (const [flag, words] of Object.entries(mine)) {
    if (flag in theirs || ours.test(flag)) continue
    if (JSON.stringify(oursAlone[flag]) !== JSON.stringify(words)) found.push(`${flag}: ${words.join(' ')} | -`)
  }
  return found
}

/** What differs for one model ("flag: ours | theirs"), and why. */
const withoutTensorParallel = ['--sequence-parallel: - | '] // Megatron-LM switches it off where TP is 1
const own = (name: string): readonly string[] => {
  const { recipe, layout } = findModel(name)
  const mixture = recipe?.auxiliaryLoss !== null
  const one = layout?.tensorParallel === 1 ? withoutTensorParallel : []
  // Megatron-LM's default is TP, and so it was in the runs that do not say it.
  const experts =
    mixture && !/332b|291b/.test(name) ? [`--expert-tensor-parallel-size: ${layout?.tensorParallel} | -`] : []
  if (/8x1.8b/.test(name)) return ['--num-query-groups: - | 16', ...one, '--moe-ffn-hidden-size: 7168 | -', ...experts]
  if (/8x13b/.test(name)) return ['--num-query-groups: - | 40', '--moe-ffn-hidden-size: 13824 | -', ...experts]
  // 80 layers / 4 stages / 4 layers a chunk.
  if (/332b/.test(name)) return ['--num-virtual-stages-per-pipeline-rank: 5 | -']
  return [...one, ...experts]
}

describe("launches beside LLM-jp's scripts", () => {
  it.each(Object.keys(scripts))('%s', (name) => {
    expect(differences(emit(name), scripts[name].flags)).toEqual(own(name))
  })

  it('has a script for every recipe but the one that failed and mid-training', () => {
    const recipes = listModels().filter(({ recipe }) => recipe !== null)
    expect(recipes.map(({ name }) => name).filter((name) => !(name in scripts))).toEqual([
      'llm-jp-172b-exp1-failed',
      'llm-jp-4-8b-65k',
    ])
  })
})
