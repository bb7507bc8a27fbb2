/** Writes report.html from run folders. */
import { stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import type { ReportRun } from '@kumiki/report'
import type { RunObserver } from '@kumiki/train'
import {
  parseEvaluations,
  parseMetrics,
  parseSamples,
  parseSummary,
  type StepMetrics,
  upgradeRunRecord,
} from '@kumiki/train/records'
import { exists, readBytes, readJson, writeWhole } from '../files/files.ts'

/** metrics.jsonl is read into memory; a million steps take about 200 MB. */
const maxMetricsBytes = 512 * 2 ** 20

/** An observer that writes report.html when the run finishes. It reads what other observers write, so list it last. */
export function reportObserver(folder: string): RunObserver {
  return {
    async onEnd({ kind }) {
      if (kind === 'finished') await writeReport([folder], join(folder, 'report.html'))
    },
  }
}

/** Writes one page for one or several runs. @returns the runs on the page */
export async function writeReport(folders: readonly string[], out: string): Promise<ReportRun[]> {
  // Imported here, so that only verbs that draw load it.
  const { compareRuns } = await import('@kumiki/report')
  const runs = await readRuns(folders)
  await writeWhole(out, compareRuns(runs))
  return runs
}

/**
 * Reads run folders. If two folders have the same name, runs are named by their paths.
 * @throws Error naming an invalid folder or file
 */
export async function readRuns(folders: readonly string[]): Promise<ReportRun[]> {
  const names = folders.map((folder) => basename(resolve(folder)))
  const unique = new Set(names).size === names.length
  const runs: ReportRun[] = []
  for (const [i, folder] of folders.entries()) runs.push(await readRun(folder, unique ? names[i] : folder))
  return runs
}

/**
 * Reads one run folder: `metrics.jsonl`, and if they exist `run.json` (else `config.json`), `summary.json`,
 * `samples.json` and `evaluations.json`. An unfinished run has no summary.
 */
async function readRun(folder: string, name: string): Promise<ReportRun> {
  const info = await stat(folder).catch(() => undefined)
  if (!info?.isDirectory()) {
    throw new Error(`${folder}: ${info ? 'not a folder' : 'no such folder'}; give a run folder of \`kumiki train\``)
  }
  const metricsFile = join(folder, 'metrics.jsonl')
  if (!(await exists(metricsFile)))
    throw new Error(`${folder}: not a run folder: it contains no metrics.jsonl; give a run folder of \`kumiki train\``)
  const metrics = parseMetrics(new TextDecoder().decode(await readBytes(metricsFile, maxMetricsBytes)), metricsFile)
  const optional = async <T>(file: string, parse: (json: unknown, file: string) => T): Promise<T | undefined> => {
    const path = join(folder, file)
    return (await exists(path)) ? parse(await readJson(path), path) : undefined
  }
  return {
    name,
    config: (await optional('run.json', configuration)) ?? (await optional('config.json', configuration)) ?? {},
    metrics,
    spikes: await spikesOf(metrics),
    evaluations: await optional('evaluations.json', parseEvaluations),
    summary: await optional('summary.json', parseSummary),
    samples: await optional('samples.json', parseSamples),
  }
}

/** Steps with loss spikes, by @kumiki/optim's detector. */
async function spikesOf(metrics: readonly StepMetrics[]): Promise<number[]> {
  const { spikeDetector } = await import('@kumiki/optim')
  const detector = spikeDetector()
  return metrics.flatMap(({ step, loss }) => (detector.push(loss).spike ? [step] : []))
}

/** The configuration in a run record, without its identity fields. */
function configuration(json: unknown, file: string): Record<string, unknown> {
  const record = upgradeRunRecord(json)
  if (typeof record === 'object' && record !== null && !Array.isArray(record)) {
    const { id: _, version: __, processes, ...made } = record as Record<string, unknown>
    return Array.isArray(processes) ? { ...made, processes: processes.length } : made
  }
  throw new Error(`${file}: must be a JSON object`)
}
