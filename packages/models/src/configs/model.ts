/** A named model, and what is known about its training. */
import type { ModelArchitecture } from '../architecture.ts'
import type { CorpusBlend } from './corpus-blend.ts'
import type { ParallelLayout, TrainingRecipe, WarmupStableDecay } from './recipe.ts'

/** The JSON of `cooldown`, which `scheduleFromJSON` of @kumiki/optim reads. */
export interface Cooldown {
  readonly kind: 'cooldown'
  /** The stable run. */
  readonly schedule: WarmupStableDecay
  /** Step of the stable run at which the branch starts. */
  readonly start: number
  readonly steps: number
  readonly final: number
  readonly shape: 'minus_sqrt'
}

/** A decay branch of a stable run. */
export interface DecayBranch {
  readonly name: string
  /** In steps of the stable run (`cooldown`), or in the branch's own. */
  readonly schedule: Cooldown | WarmupStableDecay
  readonly corpus: CorpusBlend
  /** Address of the launch. */
  readonly source: string
}

export interface Model {
  readonly name: string
  readonly architecture: ModelArchitecture
  /** null where there is no published training run (the `nano` preset). */
  readonly recipe: TrainingRecipe | null
  readonly layout: ParallelLayout | null
  /** null where the blend is not published. */
  readonly corpus: CorpusBlend | null
  /** The model whose weights training began from; null: from random ones. */
  readonly startsFrom: string | null
  /** Decays of a stable run; empty where there are none. */
  readonly branches: readonly DecayBranch[]
  /** How the model's card counts: LLM-jp-3's, or LLM-jp-4's. See `countAsCard`. */
  readonly card: 'llm-jp-3' | 'llm-jp-4' | null
  /** Why the run failed; null for other runs. */
  readonly lesson: string | null
  /** Address of the launch script; null where there is none. */
  readonly source: string | null
}

/** A named model without a published training run. */
export function presetOf(name: string, architecture: ModelArchitecture): Model {
  return {
    name,
    architecture,
    recipe: null,
    layout: null,
    corpus: null,
    startsFrom: null,
    branches: [],
    card: null,
    lesson: null,
    source: null,
  }
}
