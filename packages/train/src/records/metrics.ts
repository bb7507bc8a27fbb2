/** Reads `metrics.jsonl`, the metrics of every step of a run. */

import type { StepMetrics } from '../step-metrics.ts'

/** Metrics that may be null, which is how JSON stores values that are not finite. */
const figures = ['loss', 'gradNorm', 'learningRate', 'tokensPerSecond'] as const

/**
 * Further metrics that reports draw. All others are dropped, to limit memory for runs of a million steps.
 */
const drawn = ['mfu', 'processBytes', 'expertLoad', 'expertBalance'] as const

/**
 * Reads `metrics.jsonl`: one object per line; fields that no report draws are ignored. An incomplete last line (the run
 * stopped while writing it) is ignored. A step that is not above the previous one means that the run was resumed from a
 * checkpoint; the entries that it replaces are dropped.
 * @param file the file's name in errors
 * @throws Error naming file and line for a line that is not JSON, or a field that is missing or not a number
 * @example
 * const line = '{"step":1,"loss":7.6,"gradNorm":1,"learningRate":0.001,"tokens":1024,"seconds":0.5}\n'
 * parseMetrics(line, 'metrics.jsonl').length // 1
 */
export function parseMetrics(text: string, file: string): StepMetrics[] {
  const lines = text.split('\n')
  const metrics: StepMetrics[] = []
  lines.forEach((line, index) => {
    if (line.trim() === '') return
    const where = `${file}: line ${index + 1}`
    let json: unknown
    try {
      json = JSON.parse(line)
    } catch (error) {
      if (index === lines.length - 1) return
      throw new Error(
        `${where} is not JSON (${(error as Error).message.slice(0, 120)}); each line is one step's object`,
      )
    }
    const metric = readMetric(json, where)
    while (metrics.length > 0 && metrics[metrics.length - 1].step >= metric.step) metrics.pop()
    metrics.push(metric)
  })
  return metrics
}

function readMetric(json: unknown, where: string): StepMetrics {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new Error(
      `${where} is ${json === null ? 'null' : Array.isArray(json) ? 'an array' : `a ${typeof json}`}, not an object with step and loss`,
    )
  }
  const given = json as Record<string, unknown>
  const count = (field: 'step' | 'tokens'): number => {
    const value = given[field]
    if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number
    throw new Error(`${where}: ${field} must be an integer of at least 0, got ${show(value)}`)
  }
  const [loss, gradNorm, learningRate, tokensPerSecond] = figures.map((field) => {
    const value = Object.hasOwn(given, field) ? given[field] : undefined
    if (typeof value === 'number') return value
    if (value === null || (value === undefined && field !== 'loss')) return Number.NaN
    throw new Error(`${where}: ${field} must be a number or null, got ${show(value)}`)
  })
  const { seconds } = given
  if (seconds !== undefined && seconds !== null && typeof seconds !== 'number') {
    throw new Error(`${where}: seconds must be a number, got ${show(seconds)}`)
  }
  const metric = { step: count('step'), tokens: count('tokens'), loss, gradNorm, learningRate, tokensPerSecond }
  const more: Record<string, number> = {}
  for (const field of drawn) {
    const value = Object.hasOwn(given, field) ? given[field] : undefined
    if (typeof value === 'number') more[field] = value
  }
  return { ...metric, ...(typeof seconds === 'number' && { seconds }), ...more }
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 80 ? `${text.slice(0, 77)}...` : text
}
