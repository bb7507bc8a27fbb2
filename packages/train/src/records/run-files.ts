/** Reading what a run folder holds beside its metrics: summary, samples, held-out losses. */

/** Cross-entropy in the two units a report shows: per token of the tokenizer, and per byte of UTF-8 text (comparable between tokenizers). */
export interface LossFigures {
  readonly natsPerToken: number
  readonly bitsPerByte: number
}

/** What a run was trained on of one named source: what a model card says of it. */
export interface UsedSubset {
  readonly subset: string
  /** null where it was not stated. */
  readonly language: string | null
  readonly source: string | null
  readonly licence: string | null
  /** LLM-jp's level of release: L1, L2 or L3. */
  readonly releaseLevel: string
  /** Passes over it that stand in the text of the run. */
  readonly repeats: number
  /** In one pass over the text of the run, repeats counted. */
  readonly tokens: number
}

/** How a run ended: `summary.json` of a run folder. */
export interface RunSummary {
  readonly heldOut: LossFigures
  /** Of each held-out text that has a name. */
  readonly heldOutParts?: Readonly<Record<string, LossFigures>>
  /** Where the text came by named sources. */
  readonly corpus?: readonly UsedSubset[]
  /** The same held-out text under n-gram baselines. */
  readonly baselines: { readonly unigram: LossFigures; readonly bigram: LossFigures; readonly trigram: LossFigures }
  readonly steps: number
  readonly tokens: number
  /** Over all processes of the run. */
  readonly seconds: number
  readonly device: string
  readonly precision: string
  readonly seed: number
  readonly parameters: number
}

/** Text a model wrote. */
export interface Sample {
  readonly label: string
  readonly prompt: string
  /** The continuation, without the prompt. */
  readonly text: string
}

/**
 * A field of a file as a finite number.
 * @throws Error naming file and field
 */
function number(file: string, field: string, value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw new Error(`${file}: ${field} must be a number, got ${JSON.stringify(value)?.slice(0, 80) ?? 'nothing'}`)
}

function text(file: string, field: string, value: unknown): string {
  if (typeof value === 'string') return value
  throw new Error(`${file}: ${field} must be a string, got ${JSON.stringify(value)?.slice(0, 80) ?? 'nothing'}`)
}

function record(file: string, field: string, value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new Error(`${file}: ${field} must be an object, got ${JSON.stringify(value)?.slice(0, 80) ?? 'nothing'}`)
}

/**
 * Reads a parsed `summary.json`.
 * @param file what errors call it
 * @throws Error naming file and field
 * @example parseSummary(summary, 'summary.json').steps // 800
 */
export function parseSummary(json: unknown, file: string): RunSummary {
  const given = record(file, 'the document', json)
  const loss = (field: string, value: unknown): LossFigures => {
    const { natsPerToken, bitsPerByte } = record(file, field, value)
    return {
      natsPerToken: number(file, `${field}.natsPerToken`, natsPerToken),
      bitsPerByte: number(file, `${field}.bitsPerByte`, bitsPerByte),
    }
  }
  const parts = given.heldOutParts === undefined ? undefined : record(file, 'heldOutParts', given.heldOutParts)
  const { unigram, bigram, trigram } = record(file, 'baselines', given.baselines)
  return {
    heldOut: loss('heldOut', given.heldOut),
    ...(parts && {
      heldOutParts: Object.fromEntries(
        Object.entries(parts).map(([name, value]) => [name, loss(`heldOutParts.${name}`, value)]),
      ),
    }),
    ...(given.corpus !== undefined && { corpus: subsets(file, given.corpus) }),
    baselines: {
      unigram: loss('baselines.unigram', unigram),
      bigram: loss('baselines.bigram', bigram),
      trigram: loss('baselines.trigram', trigram),
    },
    steps: number(file, 'steps', given.steps),
    tokens: number(file, 'tokens', given.tokens),
    seconds: number(file, 'seconds', given.seconds),
    device: text(file, 'device', given.device),
    precision: text(file, 'precision', given.precision),
    seed: number(file, 'seed', given.seed),
    parameters: number(file, 'parameters', given.parameters),
  }
}

function subsets(file: string, value: unknown): UsedSubset[] {
  if (!Array.isArray(value)) throw new Error(`${file}: corpus must be an array of subsets`)
  return value.map((entry, index) => {
    const field = `corpus[${index}]`
    const given = record(file, field, entry)
    const stated = (name: string) => {
      const known = given[name]
      return known === undefined || known === null ? null : text(file, `${field}.${name}`, known)
    }
    return {
      subset: text(file, `${field}.subset`, given.subset),
      language: stated('language'),
      source: stated('source'),
      licence: stated('licence'),
      releaseLevel: text(file, `${field}.releaseLevel`, given.releaseLevel),
      repeats: number(file, `${field}.repeats`, given.repeats),
      tokens: number(file, `${field}.tokens`, given.tokens),
    }
  })
}

/**
 * Reads a parsed `samples.json`: an array of { label, prompt, text }.
 * @throws Error naming file and field
 */
export function parseSamples(json: unknown, file: string): Sample[] {
  if (!Array.isArray(json)) throw new Error(`${file}: the document must be an array of { label, prompt, text }`)
  return json.map((entry, index) => {
    const given = record(file, `sample ${index}`, entry)
    return {
      label: text(file, `sample ${index}.label`, given.label),
      prompt: text(file, `sample ${index}.prompt`, given.prompt),
      text: text(file, `sample ${index}.text`, given.text),
    }
  })
}

/**
 * Reads parsed held-out losses: an array of { step, natsPerToken }.
 * @throws Error naming file and field
 */
export function parseEvaluations(json: unknown, file: string): { step: number; natsPerToken: number }[] {
  if (!Array.isArray(json)) throw new Error(`${file}: the document must be an array of { step, natsPerToken }`)
  return json.map((entry, index) => {
    const given = record(file, `evaluation ${index}`, entry)
    return {
      step: number(file, `evaluation ${index}.step`, given.step),
      natsPerToken: number(file, `evaluation ${index}.natsPerToken`, given.natsPerToken),
    }
  })
}
