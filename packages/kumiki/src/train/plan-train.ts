/** Prepares the run of `kumiki train`: new, resumed, a branch, or initialized from another run's weights. */
import { resolve } from 'node:path'
import type { RunConfiguration, RunKinds } from '@kumiki/train'
import { beginRun, branchRun, type RunPlan, resumeRun, startFrom } from '@kumiki/train/node'
import { refuseFixedFlags, refuseOriginFlags } from '../flags/fixed-flags.ts'
import { UsageError } from '../usage-error.ts'
import { log } from '../verb.ts'
import { resolveRun } from './run-definition.ts'
import { tokenFilesOf } from './token-files.ts'
import type { TrainCommandOptions } from './train-options.ts'
import { checkRunMemory } from './training-memory.ts'

/** Prepares the run and locks its folder. @throws UsageError for flags that cannot be combined */
export async function planTrain(options: TrainCommandOptions, ownKinds: RunKinds): Promise<RunPlan> {
  const planning = {
    kinds: ownKinds,
    cadence: {
      steps: options.checkpointEvery,
      minutes: options.checkpointMinutes,
      keep: options.keep,
      keepEvery: options.keepEvery,
    },
    controls: {
      maxTokens: options.maxTokens,
      maxMinutes: options.maxMinutes,
      earlyStop: options.earlyStop,
      evaluateEvery: options.evaluateEvery,
      sample: options.sample,
      onNan: options.onNan,
      onFullDisk: options.onFullDisk,
    },
    check: (run: Parameters<typeof checkRunMemory>[0]) => checkRunMemory(run, options.device),
    onWait: ({ pid, host }: { pid: number; host: string }, seconds: number) =>
      log(
        `Process ${pid} on ${host} holds the lock on the folder and cannot be checked from this host; waiting ${seconds} s for its heartbeat`,
      ),
  }
  const ways = Object.entries({ resume: options.resume, branch: options.branch, from: options.from })
  const given = ways.filter(([, run]) => run !== undefined)
  if (given.length > 1) throw new UsageError(`--${given[0][0]} and --${given[1][0]} cannot be combined`)
  if (options.resume !== undefined) {
    if (options.decay || options.decayTo !== undefined)
      throw new UsageError('--decay and --decay-to need --branch RUN@STEP')
    refuseFixedFlags({ ...options, ...options.overrides })
    return resumeRun(options.resume, options.overrides, planning)
  }
  if (options.overwrite && options.out === undefined)
    throw new UsageError('--overwrite removes the run in --out: give --out FOLDER too')
  const { out: folder, overwrite, decay, decayTo: final } = options
  if (options.branch !== undefined) {
    refuseOriginFlags('branch', { ...options, ...options.overrides })
    if (!decay)
      throw new UsageError('--branch needs the length of the decay: give --decay STEPS, or --decay "N tokens"')
    return branchRun(options.branch, { ...planning, folder, overwrite, decay, final })
  }
  if (decay || final !== undefined) throw new UsageError('--decay and --decay-to need --branch RUN@STEP')
  if (options.dataPath && options.data.length > 0) throw new UsageError('give --data or --data-path, not both')
  if (options.from !== undefined) {
    refuseOriginFlags('from', { ...options, ...options.overrides })
    const { dataPath, order, split } = options
    if (!dataPath && (order !== undefined || split !== undefined))
      throw new UsageError('--order and --split need --data-path (token files)')
    const texts = options.data.length > 0 ? options.data.map((path) => resolve(path)) : undefined
    return startFrom(options.from, {
      ...{ ...planning, folder, overwrite, changes: options.overrides },
      data: texts ?? dataPath,
      ...(dataPath && {
        tokenFiles: (configuration: RunConfiguration) => tokenFilesOf({ dataPath, order, split }, '.', configuration),
      }),
    })
  }
  const { data: ofFile, sources, tokenFiles, ...run } = await resolveRun({ ...options, ownKinds })
  // Paths on the command line override those of the file.
  const own = options.data.length > 0
  const ofTexts = own || (tokenFiles === undefined && !options.dataPath)
  if (!own && tokenFiles && (ofFile ?? sources) && !options.dataPath)
    throw new UsageError(`${options.config}: has both data and tokenFiles; remove one of them`)
  const texts = own ? options.data : (ofFile ?? sources?.map(({ path }) => path) ?? [])
  const data = ofTexts ? texts : (tokenFiles?.datasets.map(({ prefix }) => prefix) ?? [])
  const origin = ofTexts ? { ...(sources && !own && { sources }) } : { tokenFiles }
  return beginRun({ ...run, ...origin }, { ...planning, data, folder, overwrite })
}
