/** Generates a Slurm batch script for a Megatron-LM launch. */
import { type Fields, fields, integer } from '../check.ts'
import { validateCluster } from '../cluster/cluster.ts'
import type { LaunchRequest } from './launch-request.ts'
import { emitMegatron } from './megatron.ts'
import { shellQuote } from './shell-quote.ts'

export interface SlurmOptions {
  /** Letters, digits, `.`, `_` and `-`; default `kumiki`. */
  readonly jobName?: string
  readonly partition?: string
  /** Time limit in days; default 7. */
  readonly days?: number
  /** Folder of Megatron-LM; default the current one. */
  readonly megatronFolder?: string
}

const optionFields: Fields<SlurmOptions> = { jobName: 1, partition: 1, days: 1, megatronFolder: 1 }

/**
 * Generates an `sbatch` script: one torchrun per node, with rendezvous at the first node.
 * @throws RangeError for an invalid name of a job or partition, and the errors of `emitMegatron`
 * @example emitSlurm({ model, cluster, plan: own, recipe }).startsWith('#!/bin/bash') // true
 */
export function emitSlurm(request: LaunchRequest, options: SlurmOptions = {}): string {
  fields('options', options, optionFields)
  const { args, environment, notes } = emitMegatron(request)
  const { nodes, gpusPerNode } = validateCluster(request.cluster)
  const { jobName = 'kumiki', partition, days = 7, megatronFolder = '.' } = options
  for (const [field, name] of [
    ['jobName', jobName],
    ['partition', partition ?? 'x'],
  ] as const) {
    if (!/^[\w.-]{1,64}$/.test(name)) {
      throw new RangeError(
        `${field} must be 1 to 64 letters, digits, ".", "_" or "-", got ${JSON.stringify(name.slice(0, 80))}`,
      )
    }
  }
  integer('days', days, 1, 365)
  const exports = Object.entries(environment).map(([name, value]) => `export ${name}=${shellQuote(value)}`)
  return [
    '#!/bin/bash',
    `#SBATCH --job-name=${jobName}`,
    ...(partition === undefined ? [] : [`#SBATCH --partition=${partition}`]),
    `#SBATCH --nodes=${nodes}`,
    '#SBATCH --ntasks-per-node=1',
    `#SBATCH --gpus-per-node=${gpusPerNode}`,
    `#SBATCH --time=${days}-00:00:00`,
    '#SBATCH --output=%x-%j.out',
    ...notes.map((note) => `# ${note}`),
    'set -eu',
    `cd ${shellQuote(megatronFolder)}`,
    'MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)',
    'MASTER_PORT=$((10000 + SLURM_JOB_ID % 50000))',
    'export MASTER_ADDR MASTER_PORT',
    ...exports,
    '',
    `srun torchrun --nnodes ${nodes} --nproc-per-node ${gpusPerNode} \\`,
    '  --rdzv-id "$SLURM_JOB_ID" --rdzv-backend c10d --rdzv-endpoint "$MASTER_ADDR:$MASTER_PORT" \\',
    `  pretrain_gpt.py ${grouped(args)
      .map((group) => `\\\n    ${group}`)
      .join(' ')}`,
    '',
  ].join('\n')
}

/** One flag with its values per line. */
function grouped(args: readonly string[]): string[] {
  const groups: string[] = []
  for (const word of args) {
    if (word.startsWith('--')) groups.push(shellQuote(word))
    else groups[groups.length - 1] += ` ${shellQuote(word)}`
  }
  return groups
}
