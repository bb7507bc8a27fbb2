/** Scores of tasks, with standard errors. */
import type { Device } from '@kumiki/tensor'
import type { LanguageModel, Parameters } from '../language-model.ts'
import { type Continuation, type LogLikelihood, type LogLikelihoodOptions, logLikelihoods } from './log-likelihood.ts'
import type { EvaluationTask, TaskMetric } from './task.ts'
import { type TaskItem, type TemplateCompiler, taskItems } from './task-prompts.ts'

export interface TaskEncoder {
  /** Encodes a text as the model expects it, with its special prefix (a begin-of-text id). */
  encode(text: string): readonly number[]
  /** Encodes the text without special tokens. */
  encodeAlone(text: string): readonly number[]
  /** The id that serves as context of a continuation without one. */
  readonly prefixId: number
}

export interface MetricScore {
  readonly value: number
  /**
   * Standard error of the mean, from the sample standard deviation; absent for a single document and for perplexity.
   */
  readonly standardError?: number
}

export interface TaskScores {
  readonly task: string
  readonly documents: number
  readonly numFewshot: number
  readonly metrics: Readonly<Partial<Record<TaskMetric, MetricScore>>>
}

/**
 * Scores a model on a task, as lm-evaluation-harness 0.4.13 does with `--model hf`.
 * @param compile compiler of Jinja templates: `textTemplate` of @kumiki/tokenizer/chat
 * @throws Error naming the document from which no prompt can be built
 */
export async function scoreTask(
  device: Device,
  model: LanguageModel,
  parameters: Parameters,
  task: EvaluationTask,
  encoder: TaskEncoder,
  compile: TemplateCompiler,
  options: Omit<LogLikelihoodOptions, 'greedy'> = {},
): Promise<TaskScores> {
  const items = taskItems(task, compile)
  const greedy = task.outputType === 'loglikelihood' && task.metrics.includes('acc')
  const requests = items.flatMap((item) => item.requests).map((request) => encodePair(encoder, request))
  const all = await logLikelihoods(device, model, parameters, requests, { ...options, greedy })
  let at = 0
  const each = items.map((item) => {
    const results = all.slice(at, at + item.requests.length)
    at += item.requests.length
    return { item, results }
  })
  const metrics = Object.fromEntries(
    task.metrics.map((metric) => {
      const values = each.map(({ item, results }) => measures[metric](item, results))
      return [metric, metric === 'perplexity' ? { value: Math.exp(-mean(values)) } : meanScore(values)]
    }),
  )
  return { task: task.name, documents: items.length, numFewshot: task.numFewshot, metrics }
}

/**
 * Trailing spaces of the context move to the continuation; its ids are those of the joined text after the context's.
 */
export function encodePair(encoder: TaskEncoder, request: { context: string; continuation: string }): Continuation {
  let { context, continuation } = request
  if (context === '') {
    const ids = encoder.encodeAlone(continuation)
    return ids[0] === encoder.prefixId && ids.length > 1
      ? { context: ids.slice(0, 1), continuation: ids.slice(1) }
      : { context: [encoder.prefixId], continuation: ids }
  }
  const end = context.trimEnd().length
  continuation = context.slice(end) + continuation
  context = context.slice(0, end)
  const own = encoder.encode(context)
  return { context: own, continuation: encoder.encode(context + continuation).slice(own.length) }
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length

function meanScore(values: readonly number[]): MetricScore {
  const value = mean(values)
  const n = values.length
  if (n < 2) return { value }
  const variance = values.reduce((sum, x) => sum + (x - value) ** 2, 0) / (n - 1)
  return { value, standardError: Math.sqrt(variance) / Math.sqrt(n) }
}

/** The index of the largest value; the first one if several are equal. */
const largest = (values: readonly number[]) => values.reduce((best, x, i) => (x > values[best] ? i : best), 0)

const characters = (text: string) => [...text].length
const bytes = (text: string) => new TextEncoder().encode(text).length

const isCorrect = ({ gold }: TaskItem, scores: readonly number[]) => (gold.includes(largest(scores)) ? 1 : 0)
const conditional = ({ choices }: TaskItem, results: readonly LogLikelihood[]) =>
  results.slice(0, choices.length || 1).map((r) => r.logLikelihood)

const measures: Record<TaskMetric, (item: TaskItem, results: readonly LogLikelihood[]) => number> = {
  acc: (item, results) =>
    item.choices.length === 0 ? Number(results[0].greedy) : isCorrect(item, conditional(item, results)),
  acc_norm: (item, results) =>
    isCorrect(
      item,
      conditional(item, results).map((x, i) => x / characters(item.choices[i])),
    ),
  acc_bytes: (item, results) =>
    isCorrect(
      item,
      conditional(item, results).map((x, i) => x / bytes(item.choices[i])),
    ),
  acc_mutual_info: (item, results) =>
    isCorrect(
      item,
      conditional(item, results).map((x, i) => x - results[item.choices.length + i].logLikelihood),
    ),
  perplexity: (_, results) => results[0].logLikelihood,
}
