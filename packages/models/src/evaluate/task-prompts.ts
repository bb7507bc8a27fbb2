/** What a task asks of each document: contexts, continuations, and which of them is right, as lm-evaluation-harness 0.4.13 builds them. */
import { parsePythonList } from './python-literal.ts'
import type { EvaluationTask, TaskDocument } from './task.ts'

/** A Jinja template to what it makes of variables, such as `textTemplate` of @kumiki/tokenizer/chat. */
export type TemplateCompiler = (source: string) => (variables: TaskDocument) => string

export interface TaskItem {
  /** Context and continuation, in the order of the choices. */
  readonly requests: readonly { readonly context: string; readonly continuation: string }[]
  /** Empty for log-likelihood tasks. */
  readonly choices: readonly string[]
  /** Indices of the right choices; none where the document names no choice. */
  readonly gold: readonly number[]
}

type Target = string | number | readonly unknown[]

/** @throws Error naming the task, the document and what is wrong with it */
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

class DocumentReader {
  private readonly task: EvaluationTask
  private readonly compile: TemplateCompiler
  private readonly templates = new Map<string, (variables: TaskDocument) => string>()

  constructor(task: EvaluationTask, compile: TemplateCompiler) {
    this.task = task
    this.compile = compile
  }

  item(document: TaskDocument): TaskItem {
    const { task } = this
    const before = this.shots(document)
    const question = this.question(document)
    const target = this.target(document)
    if (task.outputType === 'loglikelihood') {
      if (typeof question !== 'string') throw new Error('doc_to_text gives no text')
      return { requests: [{ context: before + question, continuation: String(target) }], choices: [], gold: [] }
    }
    const choices = this.choices(document)
    const { targetDelimiter } = task
    // Where the text is an index, each choice is a context of its own and the target is what follows them.
    const requests =
      typeof question === 'number'
        ? choices.map((choice) => ({ context: before + choice, continuation: targetDelimiter + String(target) }))
        : choices.map((choice) => ({ context: before + question, continuation: targetDelimiter + choice }))
    if (task.metrics.includes('acc_mutual_info'))
      requests.push(...choices.map((choice) => ({ context: '', continuation: targetDelimiter + choice })))
    const right = typeof question === 'number' ? question : target
    return { requests, choices, gold: goldOf(right, choices) }
  }

  /** Description and examples. */
  private shots(document: TaskDocument): string {
    const { task } = this
    const { description, numFewshot, fewshotDocuments, fewshotFromSameSplit } = task
    const head = Object.hasOwn(document, description)
      ? String(document[description])
      : this.render(description, document)
    if (numFewshot === 0) return head
    const same = fewshotFromSameSplit ? JSON.stringify(document) : undefined
    const pool = fewshotDocuments.filter((other) => JSON.stringify(other) !== same)
    if (pool.length < numFewshot) throw new Error(`num_fewshot is ${numFewshot}, and there are ${pool.length} examples`)
    return (
      head +
      pool
        .slice(0, numFewshot)
        .map((example) => this.shot(example))
        .join('')
    )
  }

  private shot(example: TaskDocument): string {
    const { task } = this
    const choices = task.docToChoice === undefined ? undefined : this.choices(example)
    const question = this.question(example)
    const target = this.target(example)
    const multipleInputs = typeof question === 'number'
    const text = multipleInputs ? choices![question] : question
    const answer =
      typeof target === 'number' && choices && !multipleInputs
        ? choices.at(target)
        : typeof target === 'object'
          ? target[0]
          : target
    if (typeof answer !== 'string') throw new Error(`the answer of an example is no text: ${JSON.stringify(target)}`)
    return text + (answer === '' ? '' : task.targetDelimiter + answer + task.fewshotDelimiter)
  }

  private question(document: TaskDocument): string | number {
    const { docToText, docToChoice } = this.task
    const made = Object.hasOwn(document, docToText) ? document[docToText] : this.render(docToText, document)
    if (typeof made === 'number') return made
    if (typeof made !== 'string') throw new Error(`doc_to_text gives no text: ${JSON.stringify(made)}`)
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
      throw new Error(`doc_to_choice gives no texts: ${JSON.stringify(made)}`)
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

function goldOf(right: Target, choices: readonly string[]): number[] {
  if (typeof right === 'string') return choices.includes(right) ? [choices.indexOf(right)] : []
  const list = typeof right === 'number' ? [right] : right
  return list.filter((i): i is number => Number.isInteger(i) && (i as number) >= 0 && (i as number) < choices.length)
}
