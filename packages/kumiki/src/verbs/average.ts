/** `kumiki average` */
import type { Command } from 'commander'
import { UsageError } from '../usage-error.ts'
import { addVerb, answer } from '../verb.ts'

export function addAverage(program: Command): void {
  addVerb(
    program,
    'average',
    'Average the weights of several checkpoints of one model into a model folder.',
    (c) =>
      c
        .argument('<run@step...>', 'checkpoints of one run, or of branches of one run')
        .requiredOption('--out <folder>', 'output folder')
        .option('--averaged', 'use the averaged weights of the runs instead'),
    average,
  )
}

async function average(options: { out: string; averaged?: boolean; json?: boolean }, runs: string[]): Promise<void> {
  if (runs.length < 2) throw new UsageError('give at least two checkpoints, such as RUN@900 RUN@1000')
  const { averageCheckpoints } = await import('../train/average-checkpoints.ts')
  const made = await averageCheckpoints(runs, options.out, options.averaged === true)
  answer(
    options,
    made,
    () =>
      `${options.out}: the mean of steps ${made.steps.join(', ')}, ${made.parameters.toLocaleString('en')} parameters`,
  )
}
