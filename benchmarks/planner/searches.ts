/** The searches that are timed. Sizes of llm-jp/scripts at 0a703870. */
import type { PlanSearch } from '@kumiki/planner'

interface Timed {
  readonly name: string
  readonly search: PlanSearch
  readonly limitSeconds: number
}

const llmJp4 = { hidden: 5120, headDim: 128, vocab: 196_608, qkNorm: true }

export const searches: readonly Timed[] = [
  {
    name: 'LLM-jp-3 172B on 512 H100',
    search: {
      model: { layers: 96, hidden: 12_288, ffn: 38_464, heads: 96, kvHeads: 16, headDim: 128, vocab: 99_487 },
      cluster: { gpu: 'H100', nodes: 64, gpusPerNode: 8 },
      recipe: { globalBatchSize: 1728, sequenceLength: 4096 },
    },
    limitSeconds: 0.1,
  },
  {
    name: 'LLM-jp-4 332B-A31B on 4,096 H200',
    search: {
      model: {
        ...llmJp4,
        layers: 80,
        ffn: 2048,
        heads: 80,
        kvHeads: 4,
        experts: { count: 128, topK: 8, ffn: 2048 },
      },
      cluster: { gpu: 'H200', nodes: 512, gpusPerNode: 8 },
      recipe: { globalBatchSize: 8192, sequenceLength: 4096 },
    },
    limitSeconds: 1,
  },
]
