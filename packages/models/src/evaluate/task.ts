/**
 * Evaluation tasks in lm-evaluation-harness's format: the fields of multiple choice and log-likelihood tasks,
 * validated.
 * @see https://github.com/EleutherAI/lm-evaluation-harness/blob/main/docs/task_guide.md
 */

/** One record of a data set. */
export type TaskDocument = Readonly<Record<string, unknown>>

export type TaskMetric = 'acc' | 'acc_norm' | 'acc_bytes' | 'acc_mutual_info' | 'perplexity'

export interface EvaluationTask {
  readonly name: string
  readonly outputType: 'multiple_choice' | 'loglikelihood'
  /** The documents to evaluate, in order. */
  readonly documents: readonly TaskDocument[]
  /**
   * Documents to take few-shot examples from. If they come from the evaluated split, a document is not its own example.
   */
  readonly fewshotDocuments: readonly TaskDocument[]
  readonly fewshotFromSameSplit: boolean
  readonly numFewshot: number
  /**
   * The first ones (`first_n`), or a sample drawn by Python's `random.Random(1234)` for one document after another
   * (`default`). Default `first_n`.
   */
  readonly sampler?: 'default' | 'first_n'
  readonly docToText: string
  readonly docToTarget: string | number | readonly unknown[]
  readonly docToChoice?: string | readonly string[]
  readonly description: string
  /** Prefix of the answer, before the continuation that is scored. Default: none. */
  readonly genPrefix?: string
  readonly targetDelimiter: string
  readonly fewshotDelimiter: string
  readonly metrics: readonly TaskMetric[]
}

const known = [
  ...['task', 'task_alias', 'tag', 'include', 'dataset_path', 'dataset_name', 'dataset_kwargs', 'output_type'],
  ...['training_split', 'validation_split', 'test_split', 'fewshot_split', 'num_fewshot', 'fewshot_config'],
  ...[
    'doc_to_text',
    'doc_to_choice',
    'doc_to_target',
    'description',
    'target_delimiter',
    'fewshot_delimiter',
    'gen_prefix',
  ],
  ...['metric_list', 'metadata', 'should_decontaminate', 'doc_to_decontamination_query', 'repeats'],
]

const metricsOf = {
  multiple_choice: ['acc', 'acc_norm', 'acc_bytes', 'acc_mutual_info'],
  loglikelihood: ['acc', 'perplexity'],
} as const

/** A task's fields as read from its file. */
type Fields = Readonly<Record<string, unknown>>

function fail(file: string, message: string): never {
  throw new Error(`${file}: ${message}`)
}

function textOf(file: string, fields: Fields, name: string, fallback?: string): string {
  const value = fields[name] ?? fallback
  if (typeof value === 'string') return value
  return fail(
    file,
    `${name} must be a string${value === undefined ? '; it is missing' : `, got ${JSON.stringify(value)}`}`,
  )
}

const isRecord = (x: unknown): x is Record<string, unknown> => typeof x === 'object' && x !== null && !Array.isArray(x)

/**
 * A task from its fields.
 * @param file its name in errors
 * @param fields as in the file, after merging includes
 * @param splits reads a split's documents
 * @throws Error naming the file and the field that is missing, unknown, or not supported
 */
export async function taskFromFields(
  file: string,
  fields: Fields,
  splits: (name: string) => Promise<readonly TaskDocument[]>,
): Promise<EvaluationTask> {
  for (const name of Object.keys(fields))
    if (!known.includes(name) && fields[name] !== undefined && fields[name] !== null)
      fail(file, `${name} is not supported; supported fields are ${known.join(', ')}`)
  const outputType = textOf(file, fields, 'output_type')
  if (outputType !== 'multiple_choice' && outputType !== 'loglikelihood')
    fail(file, `output_type must be multiple_choice or loglikelihood, got ${outputType}`)
  if ((fields.repeats ?? 1) !== 1) fail(file, `repeats must be 1, got ${JSON.stringify(fields.repeats)}`)
  const split = fields.test_split ?? fields.validation_split
  if (typeof split !== 'string')
    fail(file, 'test_split and validation_split are both missing; name the split to evaluate')
  const { numFewshot, fewshotSplit, samples, sampler, namedSplit } = fewshotOf(file, fields)
  const docToTarget = fields.doc_to_target
  if (typeof docToTarget !== 'string' && typeof docToTarget !== 'number' && !Array.isArray(docToTarget))
    fail(file, `doc_to_target must be a template, a field or an index, got ${JSON.stringify(docToTarget)}`)
  const docToChoice = choiceOf(file, fields.doc_to_choice)
  if (outputType === 'multiple_choice' && docToChoice === undefined) fail(file, 'doc_to_choice is missing')
  const documents = await splits(split)
  if (documents.length === 0) fail(file, `the split ${split} has no documents`)
  return {
    name: textOf(file, fields, 'task'),
    outputType,
    documents,
    fewshotDocuments: samples ?? (fewshotSplit === undefined ? [] : await splits(fewshotSplit)),
    // As in the harness: compares with the named split, and a missing one equals a missing test_split.
    fewshotFromSameSplit: (namedSplit ?? null) === (fields.test_split ?? null),
    numFewshot,
    sampler,
    docToText:
      typeof fields.doc_to_text === 'number' ? String(fields.doc_to_text) : textOf(file, fields, 'doc_to_text'),
    docToTarget,
    ...(docToChoice !== undefined && { docToChoice }),
    description: textOf(file, fields, 'description', ''),
    ...((fields.gen_prefix ?? '') !== '' && { genPrefix: textOf(file, fields, 'gen_prefix') }),
    targetDelimiter: textOf(file, fields, 'target_delimiter', ' '),
    fewshotDelimiter: textOf(file, fields, 'fewshot_delimiter', '\n\n'),
    metrics: metricList(file, fields.metric_list, outputType),
  }
}

function choiceOf(file: string, value: unknown): string | readonly string[] | undefined {
  if (value === undefined || value === null) return undefined
  const list = isRecord(value) ? Object.values(value) : value
  if (typeof list === 'string' || (Array.isArray(list) && list.every((x) => typeof x === 'string'))) return list
  return fail(file, `doc_to_choice must be a template, a field or a list of strings, got ${JSON.stringify(value)}`)
}

function fewshotOf(file: string, fields: Fields) {
  const numFewshot = fields.num_fewshot ?? 0
  if (!Number.isInteger(numFewshot) || (numFewshot as number) < 0 || (numFewshot as number) > 1000)
    fail(file, `num_fewshot must be an integer from 0 to 1000, got ${JSON.stringify(numFewshot)}`)
  const config = fields.fewshot_config ?? {}
  if (!isRecord(config)) fail(file, 'fewshot_config must be an object')
  for (const name of Object.keys(config))
    if (!['sampler', 'split', 'samples'].includes(name))
      fail(file, `fewshot_config.${name} is not supported; sampler, split and samples are`)
  const namedSplit = config.split ?? fields.fewshot_split ?? undefined
  const samples = namedSplit === undefined ? config.samples : undefined
  if (namedSplit !== undefined && typeof namedSplit !== 'string') fail(file, 'fewshot_split must be a string')
  if (samples !== undefined && !(Array.isArray(samples) && samples.every(isRecord)))
    fail(file, 'fewshot_config.samples must be a list of records')
  const { sampler = 'default' } = config
  if (sampler !== 'default' && sampler !== 'first_n')
    fail(file, `fewshot_config.sampler must be default or first_n, got ${JSON.stringify(sampler)}`)
  const splits = [namedSplit, fields.training_split, fields.validation_split, fields.test_split]
  const fewshotSplit =
    numFewshot === 0 || samples !== undefined ? undefined : splits.find((name) => typeof name === 'string')
  return {
    numFewshot: numFewshot as number,
    namedSplit,
    fewshotSplit: fewshotSplit as string | undefined,
    samples: samples as TaskDocument[] | undefined,
    sampler: sampler as 'default' | 'first_n',
  }
}

function metricList(file: string, value: unknown, outputType: keyof typeof metricsOf): TaskMetric[] {
  const may: readonly string[] = metricsOf[outputType]
  if (value === undefined || value === null)
    return outputType === 'loglikelihood' ? ['perplexity', 'acc'] : ['acc', 'acc_norm']
  if (!Array.isArray(value) || value.length === 0) fail(file, 'metric_list must be a list')
  return value.map((entry) => {
    const given: Record<string, unknown> = isRecord(entry) ? entry : { metric: entry }
    const { metric, aggregation, higher_is_better: _, ...rest } = given
    if (typeof metric !== 'string' || !may.includes(metric))
      fail(file, `metric_list: a ${outputType} task may have ${may.join(', ')}, got ${JSON.stringify(metric)}`)
    const other = Object.keys(rest)[0]
    if (other !== undefined) fail(file, `metric_list: ${metric}.${other} is not supported`)
    const wanted = metric === 'perplexity' ? 'perplexity' : 'mean'
    if (aggregation !== undefined && aggregation !== wanted)
      fail(file, `metric_list: the aggregation of ${metric} must be ${wanted}, got ${JSON.stringify(aggregation)}`)
    return metric as TaskMetric
  })
}
