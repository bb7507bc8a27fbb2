/** The searches that are timed. Sizes of llm-jp/scripts at 0a703870. */
import { llmJp3, llmJp3Moe, llmJp4 } from '@kumiki/models'
import { fromArchitecture, type PlanSearch } from '@kumiki/planner'

interface Timed {
  readonly name: string
  readonly search: PlanSearch
  readonly limitSeconds: number
}

const sizesOfLlmJp4 = { hidden: 5120, headDim: 128, vocab: 196_608, qkNorm: true }

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
        ...sizesOfLlmJp4,
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

/** Many searches: eight models on six GPUs with ten sizes of cluster. */
export const sweep = { name: '8 models x 6 GPUs x 10 sizes', limitSeconds: 5 } as const

export function* sweepSearches(): Generator<PlanSearch> {
  const models = [
    llmJp3['llm-jp-3-1.8b'],
    llmJp3['llm-jp-3-7.2b'],
    llmJp3['llm-jp-3-13b'],
    llmJp3['llm-jp-3-172b'],
    llmJp3Moe['llm-jp-3-8x13b'],
    llmJp4['llm-jp-4-8b'],
    llmJp4['llm-jp-4-32b-a3.8b'],
    llmJp4['llm-jp-4-332b-a31b'],
  ]
  for (const { architecture } of models)
    for (const gpu of ['A100-SXM-80GB', 'H100-SXM-80GB', 'H200-SXM-141GB', 'B200-SXM', 'GB200', 'MI300X'])
      for (let nodes = 1; nodes <= 512; nodes *= 2)
        yield {
          model: fromArchitecture(architecture),
          cluster: { gpu, nodes, gpusPerNode: 8 },
          recipe: { globalBatchSize: 2048, sequenceLength: 4096 },
        }
}
