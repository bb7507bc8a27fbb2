/**
 * The model card (README.md) for the Hub: architecture, data, training recipe and evaluation. A pure function of plain
 * values.
 * @see https://huggingface.co/docs/hub/model-cards
 */
import { stringify } from 'yaml'

/**
 * A subset of the training data. Release levels are LLM-jp's: L1 data may be used for training, searched and
 * redistributed, L3 data only used for training.
 */
export interface CardData {
  readonly name: string
  readonly language?: string | null
  readonly source?: string | null
  readonly licence?: string | null
  readonly releaseLevel?: string | null
  readonly tokens?: number
  readonly repeats?: number
}

export interface CardScore {
  readonly task: string
  readonly metric: string
  readonly value: number
  readonly standardError?: number
}

export interface ModelCard {
  readonly name: string
  /**
   * The Hub's identifier, such as `apache-2.0`, or `other`; several as a list. Default `apache-2.0`, LLM-jp's policy
   * for its own models.
   */
  readonly licence?: string | readonly string[]
  /** The name and the address of a licence that the Hub has no identifier for. */
  readonly licenceName?: string
  readonly licenceLink?: string
  /** Codes such as `ja`. Default: the languages of the data. */
  readonly languages?: readonly string[]
  /** The model it was trained from, such as `llm-jp/llm-jp-3-150m`. */
  readonly baseModel?: string
  readonly parameters?: number
  readonly contextLength?: number
  readonly data?: readonly CardData[]
  /** Training settings by name: optimizer, steps, precision, ... */
  readonly recipe?: Readonly<Record<string, string | number>>
  readonly evaluation?: readonly CardScore[]
  /** Scores of checkpoints during training. */
  readonly checkpoints?: readonly { readonly tokens: number; readonly scores: readonly CardScore[] }[]
}

const codes: Readonly<Record<string, string>> = { japanese: 'ja', english: 'en', chinese: 'zh', korean: 'ko' }

/** Escapes a table cell: untrusted text cannot add columns, lines or markup. */
const cell = (value: unknown): string =>
  String(value ?? '')
    .replace(/[\\|`*_<>[\]]/g, (c) => `\\${c}`)
    .replace(/\s+/g, ' ')

const table = (head: readonly string[], rows: readonly (readonly unknown[])[]): string =>
  [head, head.map(() => '---'), ...rows.map((row) => row.map(cell))].map((row) => `| ${row.join(' | ')} |`).join('\n')

/**
 * The text of README.md, with its YAML front matter.
 * @throws RangeError for a name or licence that is empty or has several lines
 */
export function modelCard(card: ModelCard): string {
  const { name, licence = 'apache-2.0', baseModel, parameters, contextLength } = card
  const { data = [], recipe = {}, evaluation = [], checkpoints = [] } = card
  const { licenceName, licenceLink } = card
  const licences = typeof licence === 'string' ? [licence] : licence
  if (licences.length === 0) throw new RangeError('modelCard: licence is an empty list; leave it out for apache-2.0')
  for (const [field, values] of Object.entries({
    name: [name],
    licence: licences,
    licenceName: [licenceName],
    licenceLink: [licenceLink],
  }))
    for (const value of values)
      if (value !== undefined && (value.trim() === '' || /[\r\n]/.test(value)))
        throw new RangeError(`modelCard: ${field} must be one non-empty line, got ${JSON.stringify(value)}`)
  const spoken = data.flatMap(({ language }) => (language ? [codes[language.toLowerCase()] ?? language] : []))
  const languages = card.languages ?? [...new Set(spoken)].filter((code) => /^[a-z]{2,3}$/.test(code)).sort()
  const front = {
    license: typeof licence === 'string' ? licence.toLowerCase() : licences.map((id) => id.toLowerCase()),
    ...(licenceName !== undefined && { license_name: licenceName }),
    ...(licenceLink !== undefined && { license_link: licenceLink }),
    ...(languages.length > 0 && { language: languages }),
    library_name: 'transformers',
    pipeline_tag: 'text-generation',
    ...(baseModel !== undefined && { base_model: baseModel }),
    tags: ['kumiki'],
    ...(evaluation.length > 0 && { 'model-index': [{ name, results: evaluation.map(resultOf) }] }),
  }
  const facts = [
    ...(parameters === undefined ? [] : [`${parameters.toLocaleString('en')} parameters`]),
    ...(contextLength === undefined ? [] : [`a context of ${contextLength.toLocaleString('en')} tokens`]),
    ...(baseModel === undefined ? [] : [`trained from ${cell(baseModel)}`]),
  ]
  const sections = [
    `---\n${stringify(front, { lineWidth: 0 })}---`,
    `# ${cell(name)}`,
    ...(facts.length > 0 ? [`A language model: ${facts.join(', ')}.`] : []),
    '## Data',
    data.length > 0
      ? table(
          ['part', 'language', 'tokens', 'repeats', 'release level', 'licence', 'source'],
          data.map((d) => [
            d.name,
            d.language,
            d.tokens?.toLocaleString('en'),
            d.repeats,
            d.releaseLevel,
            d.licence,
            d.source,
          ]),
        )
      : 'The training data is not recorded.',
    ...(Object.keys(recipe).length > 0
      ? [
          '## Training',
          table(
            ['', ''],
            Object.entries(recipe).map(([k, v]) => [k, v]),
          ),
        ]
      : []),
    ...(evaluation.length > 0
      ? [
          '## Evaluation',
          table(
            ['task', 'metric', 'score', 'standard error'],
            evaluation.map((e) => [
              e.task,
              e.metric,
              round(e.value),
              e.standardError === undefined ? '' : round(e.standardError),
            ]),
          ),
        ]
      : []),
    ...(checkpoints.length > 0 ? ['## Scores of checkpoints', curveOf(checkpoints)] : []),
    `## Licence\n\n${[...licences, licenceName, licenceLink]
      .filter((x) => x !== undefined)
      .map(cell)
      .join(', ')}`,
  ]
  return `${sections.join('\n\n')}\n`
}

/** A row for each checkpoint, a column for each metric of any checkpoint. */
function curveOf(checkpoints: NonNullable<ModelCard['checkpoints']>): string {
  const nameOf = ({ task, metric }: CardScore) => `${cell(task)}: ${cell(metric)}`
  const columns = [...new Set(checkpoints.flatMap(({ scores }) => scores.map(nameOf)))]
  const rows = [...checkpoints].sort((a, b) => a.tokens - b.tokens)
  return table(
    ['tokens', ...columns],
    rows.map(({ tokens, scores }) => {
      const known = new Map(scores.map((score) => [nameOf(score), score.value]))
      return [tokens.toLocaleString('en'), ...columns.map((column) => roundedOr(known.get(column)))]
    }),
  )
}

const roundedOr = (x: number | undefined) => (x === undefined ? '' : round(x))

const round = (x: number) => Number(x.toPrecision(4))

const resultOf = ({ task, metric, value }: CardScore) => ({
  task: { type: 'text-generation' },
  dataset: { name: task, type: task.replace(/[^\w-]+/g, '-').toLowerCase() },
  metrics: [{ type: metric, value: round(value) }],
})
