/** The plan of a logged run, from the arguments in its log or from its launch. */
import type { PlanRequest } from '@kumiki/planner'
import type { TrainingLog } from '@kumiki/planner/logs'
import { readBytes } from '../files/files.ts'
import { findCluster, needed } from '../flags/planner-flags.ts'
import { UsageError } from '../usage-error.ts'

export interface LoggedRunFlags {
  /** Scripts of the launch, in the order in which they are sourced. */
  readonly megatron?: readonly string[]
  readonly gpu?: string
  readonly network?: string
  readonly nodes?: number
  readonly gpusPerNode?: number
  readonly vocab?: number
}

const maxLaunchBytes = 4 * 2 ** 20

/** Reads a complete log. @throws Error naming the file if it has no training step */
export async function readLog(path: string): Promise<TrainingLog> {
  const { TrainingLog } = await import('@kumiki/planner/logs')
  const { createReadStream } = await import('node:fs')
  const log = new TrainingLog()
  const stream = createReadStream(path, { encoding: 'utf8', highWaterMark: 1 << 20 })
  try {
    for await (const text of stream) log.push(text)
  } catch (error) {
    throw new Error(`${path}: cannot be read (${(error as NodeJS.ErrnoException).code ?? (error as Error).message})`)
  }
  log.end()
  if (log.readings.length === 0)
    throw new Error(`${path}: no training steps found in Megatron-LM's or torchtitan's format`)
  return log
}

/** @throws UsageError if the GPU or the launch is unknown */
export async function requestOfLog(path: string, log: TrainingLog, flags: LoggedRunFlags): Promise<PlanRequest> {
  const { commandOfLog, vocabularyOfLog } = await import('@kumiki/planner/logs')
  const { readMegatron } = await import('@kumiki/planner/read')
  const { nodes, gpusPerNode } = flags
  const texts: string[] = []
  for (const file of flags.megatron ?? []) texts.push(new TextDecoder().decode(await readBytes(file, maxLaunchBytes)))
  try {
    if (texts.length === 0) texts.push(commandOfLog(log, { gpusPerNode }))
    const vocab = flags.vocab ?? vocabularyOfLog(log)
    const launch = readMegatron(texts, {
      ...(vocab !== undefined && { vocab }),
      ...(nodes !== undefined && { nodes }),
      ...(gpusPerNode !== undefined && { gpusPerNode }),
    })
    const cluster = await findCluster(
      { ...flags, gpu: needed('--gpu <name|file>', flags.gpu) },
      needed('--nodes <n>', launch.nodes ?? undefined),
      needed('--gpus-per-node <n>', launch.gpusPerNode ?? undefined),
    )
    return { model: launch.model, cluster, plan: launch.plan }
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(`${path}: ${(error as Error).message}`)
  }
}
