/** The plans LLM-jp trained with, from the table of its recipes (outside the repository). */
import type { Cluster, ParallelPlan, PlannerModel } from '../src/index.ts'

/** A row of that table, as far as it is read. */
export interface RecipeRow {
  readonly name: string
  readonly layers: number
  readonly hidden: number
  readonly ffn: number | null
  readonly moe_ffn?: number | null
  readonly heads: number
  readonly kv_groups?: number | null
  readonly head_dim?: number | null
  readonly experts?: number | null
  readonly topk?: number | null
  readonly qk_norm: boolean
  readonly vocab: number
  readonly seq: number
  readonly gpu: string
  readonly nodes?: number | null
  readonly tp: number
  readonly pp: number
  readonly vpp?: number | null
  readonly ep: number
  readonly mbs: number
  readonly gbs: number
  readonly recompute: string
  readonly overlap: string
  readonly params: { readonly total: number }
}

export function modelOf(row: RecipeRow): PlannerModel {
  const ffn = (row.ffn ?? row.moe_ffn) as number
  return {
    name: row.name,
    layers: row.layers,
    hidden: row.hidden,
    ffn,
    heads: row.heads,
    kvHeads: row.kv_groups ?? row.heads,
    headDim: row.head_dim ?? row.hidden / row.heads,
    vocab: row.vocab,
    qkNorm: row.qk_norm,
    ...(row.experts ? { experts: { count: row.experts, topK: row.topk as number, ffn: row.moe_ffn ?? ffn } } : {}),
  }
}

/** Nodes where the recipe leaves them to the command line: the fewest that LLM-jp's text or batch suggests. */
const unstatedNodes: Readonly<Record<string, number>> = {
  'llm-jp-4-8b phase1': 16,
  'llm-jp-4-8b phase2': 64,
  'llm-jp-4-32b phase1': 32,
  'llm-jp-4-32b-a3.8b phase1': 32,
  'llm-jp-4-332b-a31b phase1': 64,
}

export function clusterOf(row: RecipeRow): Cluster {
  const gpu = (/^[AHB]\d+/.exec(row.gpu) as RegExpExecArray)[0]
  return { gpu, nodes: row.nodes ?? unstatedNodes[row.name], gpusPerNode: 8 }
}

export function planOf(row: RecipeRow): ParallelPlan {
  const modules = /\[([\w, ]+)\]/.exec(row.recompute)?.[1].split(', ') as ParallelPlan['recomputeModules']
  return {
    tensorParallel: row.tp,
    pipelineParallel: row.pp,
    virtualPipeline: row.vpp ?? 1,
    expertParallel: row.ep,
    microBatchSize: row.mbs,
    globalBatchSize: row.gbs,
    sequenceLength: row.seq,
    overlap: !row.overlap.startsWith('none'),
    recompute: row.recompute.startsWith('selective') ? 'selective' : 'none',
    ...(modules && { recomputeModules: modules }),
  }
}
