/** `kumiki handoff` */
import type { Command } from 'commander'
import { amount, choice, integer } from '../flags/flag-values.ts'
import { findCluster } from '../flags/planner-flags.ts'
import { addVerb, answer } from '../verb.ts'

interface HandoffFlags {
  out: string
  gpu: string
  gpusPerNode: number
  nodes: number
  network?: string
  globalBatch?: number
  tokens?: number
  megatron: 'upstream' | 'llm-jp'
  json?: boolean
}

export function addHandoff(program: Command): void {
  addVerb(
    program,
    'handoff',
    'Write everything needed to continue a run on Megatron-LM: weights, token files, tokenizer, launch, conversion; list what cannot be transferred.',
    (c) =>
      c
        .argument('<run[@step]>', 'a run folder, with its newest checkpoint or that of a step')
        .requiredOption('--out <folder>', 'output folder')
        .requiredOption('--gpu <name|file>', 'GPU of the cluster, such as H100')
        .requiredOption('--gpus-per-node <n>', 'GPUs per node', integer(1, 1024))
        .requiredOption('--nodes <n>', 'nodes', integer(1, 1_000_000))
        .option('--network <name|file>', 'infiniband (default), ethernet, pcie, or JSON')
        .option('--global-batch <n>', "global batch size on the cluster (default: the run's)", integer(1, 2 ** 30))
        .option(
          '--tokens <n>',
          'remaining training tokens, such as 2B (default: those that the run has left)',
          amount(1e18),
        )
        .addOption(
          choice('--megatron <which>', "upstream, or LLM-jp's fork (z-loss)", ['upstream', 'llm-jp'], 'upstream'),
        ),
    handoff,
  )
}

async function handoff(options: HandoffFlags, run: string): Promise<void> {
  const { handOff } = await import('../cluster/handoff.ts')
  const cluster = await findCluster(options, options.nodes, options.gpusPerNode)
  const made = await handOff({
    run,
    out: options.out,
    cluster,
    globalBatchSize: options.globalBatch,
    tokens: options.tokens,
    megatron: options.megatron,
  })
  answer(options, made, () =>
    [
      `${options.out}: step ${made.step}, learning rate ${made.learningRate}, ${made.stepsLeft} steps left`,
      ...made.files.map((file) => `  ${file}`),
      'cannot be transferred:',
      ...made.lost.map((line) => `  ${line}`),
    ].join('\n'),
  )
}
