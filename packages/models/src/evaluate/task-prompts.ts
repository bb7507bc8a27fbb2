/**
 * Prompts of a task for each document: contexts, continuations and the correct choices, built as by
 * lm-evaluation-harness 0.4.13.
 */
import { parsePythonList } from './python-literal.ts'
import { PythonRandom } from './python-random.ts'
import type { EvaluationTask, TaskDocument } from './task.ts'

/** Compiles a Jinja template to a function of its variables, such as `textTemplate` of @kumiki/tokenizer/chat. */
export type TemplateCompiler = (source: string) => (variables: TaskDocument) => string

export interface TaskItem {
  /** Context and continuation, in the order of the choices. */
  readonly requests: readonly { readonly context: string; readonly continuation: string }[]
  /** Empty for log-likelihood tasks. */
  readonly choices: readonly string[]
  /** Indices of the correct choices; empty if the document names none. */
  readonly gold: readonly number[]
}

type Target = string | number | readonly unknown[]

/** @throws Error naming the task, the document and the fault */
export function taskItems(task: EvaluationTask, compile: TemplateCompiler): TaskItem[] {
  const reader = new DocumentReader(task, compile)
  return task.documents.map((document, i) => {
    try {
      return reader.item(document)
    } catch (error) {
      throw new Error(`${task.name}, document ${i}: ${(error as Error).message}`)
    }
  })
}

/** The default seed of lm-evaluation-harness's samplers (`--seed`). */
const fewshotSeed = 1234

class DocumentReader {
  private readonly task: EvaluationTask
  private readonly compile: TemplateCompiler
  private readonly templates = new Map<string, (variables: TaskDocument) => string>()
  /** One generator per task, because each document's shots are drawn after those of the previous document. */
  private readonly random = new PythonRandom(fewshotSeed)

  constructor(task: EvaluationTask, compile: TemplateCompiler) {
    this.task = task
    this.compile = compile
  }

  item(document: TaskDocument): TaskItem {
    const { task } = this
    const before = this.shots(document)
    const question = this.question(document)
    const target = this.target(document)
    const prefix = this.prefix(document)
    if (task.outputType === 'loglikelihood') {
      if (typeof question !== 'string') throw new Error('doc_to_text gives no string')
      const context = before + question + this.delimiter(question, prefix) + prefix
      return { requests: [{ context, continuation: String(target) }], choices: [], gold: [] }
    }
    const choices = this.choices(document)
    const { targetDelimiter } = task
    // If doc_to_text is an index, each choice is a context and the target is the continuation.
    const requests =
      typeof question === 'number'
        ? choices.map((choice) => ({
            context: before + choice + prefix,
            continuation: targetDelimiter + String(target),
          }))
        : choices.map((choice) => ({
            context: before + question + this.delimiter(question, prefix) + prefix,
            continuation: targetDelimiter + choice,
          }))
    if (task.metrics.includes('acc_mutual_info'))
      requests.push(...choices.map((choice) => ({ context: '', continuation: targetDelimiter + choice })))
    const right = typeof question === 'number' ? question : target
    return { requests, choices, gold: goldOf(right, choices) }
  }

  /** The description and few-shot examples. */
  private shots(document: TaskDocument): string {
    const { task } = this
    const { description, numFewshot, fewshotDocuments, fewshotFromSameSplit } = task
    const head = Object.hasOwn(document, description)
      ? String(document[description])
      : this.render(description, document)
    if (numFewshot === 0) return head
    const same = fewshotFromSameSplit ? JSON.stringify(document) : undefined
    const others = (pool: readonly TaskDocument[]) => pool.filter((other) => JSON.stringify(other) !== same)
    return (
      head +
      (task.sampler === 'default' ? this.drawn(fewshotDocuments, others, same !== undefined) : others(fewshotDocuments))
        .slice(0, this.checkedCount(numFewshot, others(fewshotDocuments).length))
        .map((example) => this.shot(example))
        .join('')
    )
  }

  private checkedCount(wanted: number, available: number): number {
    if (available < wanted) throw new Error(`num_fewshot needs ${wanted} examples, but there are ${available}`)
    return wanted
  }

  /**
   * Draws one more if the document itself may be drawn, and draws again without it if its duplicates leave too few.
   */
  private drawn(
    pool: readonly TaskDocument[],
    others: (pool: readonly TaskDocument[]) => TaskDocument[],
    leaveOut: boolean,
  ): readonly TaskDocument[] {
    const { numFewshot } = this.task
    if (!leaveOut) return this.random.sample(pool, numFewshot)
    const some = others(this.random.sample(pool, this.checkedCount(numFewshot + 1, pool.length)))
    return some.length < numFewshot ? this.random.sample(others(pool), numFewshot) : some
  }

  private shot(example: TaskDocument): string {
    const { task } = this
    const choices = task.docToChoice === undefined ? undefined : this.choices(example)
    const question = this.question(example)
    const target = this.target(example)
    const prefix = this.prefix(example)
    const multipleInputs = typeof question === 'number'
    const text = multipleInputs ? choices![question] : question
    const answer =
      typeof target === 'number' && choices && !multipleInputs
        ? choices.at(target)
        : typeof target === 'object'
          ? target[0]
          : target
    if (typeof answer !== 'string')
      throw new Error(`the answer of an example is not a string: ${JSON.stringify(target)}`)
    if (answer === '') return text + this.delimiter(text, prefix) + prefix
    const between = prefix === '' ? task.targetDelimiter : this.delimiter(text, prefix)
    const space = prefix !== '' && needsDelimiter(prefix, answer) ? ' ' : ''
    return text + between + prefix + space + answer + task.fewshotDelimiter
  }

  /** The prefix of the answer. */
  private prefix(document: TaskDocument): string {
    const { genPrefix = '' } = this.task
    return Object.hasOwn(document, genPrefix) ? String(document[genPrefix]) : this.render(genPrefix, document)
  }

  /** The delimiter between a question and the answer's prefix. */
  private delimiter(question: string, prefix: string): string {
    return prefix !== '' && question !== '' && needsDelimiter(question, prefix) ? this.task.targetDelimiter : ''
  }

  private question(document: TaskDocument): string | number {
    const { docToText, docToChoice } = this.task
    const made = Object.hasOwn(document, docToText) ? document[docToText] : this.render(docToText, document)
    if (typeof made === 'number') return made
    if (typeof made !== 'string') throw new Error(`doc_to_text gives no string: ${JSON.stringify(made)}`)
    return !Object.hasOwn(document, docToText) && docToChoice !== undefined && /^\d+$/.test(made) ? Number(made) : made
  }

  private target(document: TaskDocument): Target {
    const { docToTarget, docToChoice } = this.task
    if (typeof docToTarget !== 'string') return docToTarget
    if (Object.hasOwn(document, docToTarget)) return document[docToTarget] as Target
    const made = this.render(docToTarget, document)
    if (docToChoice !== undefined && /^\d+$/.test(made)) return Number(made)
    if (made.length < 2 || !made.startsWith('[') || !made.endsWith(']')) return made
    try {
      return parsePythonList(made)
    } catch {
      return made
    }
  }

  private choices(document: TaskDocument): readonly string[] {
    const { docToChoice } = this.task
    if (typeof docToChoice !== 'string') return docToChoice!
    const made = Object.hasOwn(document, docToChoice)
      ? document[docToChoice]
      : parsePythonList(this.render(docToChoice, document))
    if (!Array.isArray(made) || made.length === 0 || made.some((choice) => typeof choice !== 'string'))
      throw new Error(`doc_to_choice gives no list of strings: ${JSON.stringify(made)}`)
    return made
  }

  private render(template: string, document: TaskDocument): string {
    let compiled = this.templates.get(template)
    if (!compiled) {
      compiled = this.compile(template)
      this.templates.set(template, compiled)
    }
    return compiled(document)
  }
}

/** Whether a delimiter is needed: neither side has white space (as Python defines it) where two texts meet. */
const needsDelimiter = (before: string, after: string) => !isSpace(before.at(-1)!) && !isSpace(after[0])
/** Unlike JavaScript, Python counts U+001C to U+001F and U+0085 as white space, and not the byte order mark. */
function isSpace(character: string): boolean {
  const code = character.charCodeAt(0)
  return (code >= 0x1c && code <= 0x1f) || code === 0x85 || (code !== 0xfeff && /\s/.test(character))
}

function goldOf(right: Target, choices: readonly string[]): number[] {
  if (typeof right === 'string') return choices.includes(right) ? [choices.indexOf(right)] : []
  const list = typeof right === 'number' ? [right] : right
  return list.filter((i): i is number => Number.isInteger(i) && (i as number) >= 0 && (i as number) < choices.length)
}
