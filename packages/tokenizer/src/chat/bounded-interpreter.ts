/** Templates come from outside: how much work one rendering may be. */
import { type Environment, Interpreter } from '@huggingface/jinja'

/** Characters of a template; the largest of published models have some 20,000. */
export const largestTemplate = 2 ** 20
/** White space in a row: the library reads it in quadratic time. */
const longestSpace = 1000
/** Nodes that are evaluated; a conversation of a thousand messages takes some 100,000. */
const mostSteps = 1_000_000
/** What one turn of a loop costs beside its body (measured: some 13 µs, twenty times a node). */
const stepsOfIteration = 20
/** Characters of one text, and of all texts that are made on the way. */
const longestText = 2 ** 24
const mostText = 2 ** 28
const mostItems = 1_000_000
const deepest = 500

type Evaluate = Interpreter['evaluate']

/** @throws Error for a template that would take too long to be read */
export function checkTemplateSize(source: string): void {
  if (source.length > largestTemplate)
    throw new Error(`it has ${source.length} characters; at most ${largestTemplate} are read`)
  const space = new RegExp(`\\s{${longestSpace}}`).exec(source)
  if (space)
    throw new Error(
      `it has more than ${longestSpace} characters of white space in a row, from character ${space.index}`,
    )
}

/** An interpreter that gives up where a template does too much: loops in loops, texts that double, macros that call themselves. */
export class BoundedInterpreter extends Interpreter {
  #steps = 0
  #written = 0
  #depth = 0
  /** What loops run over: a loop costs its items, even where its body is empty. */
  readonly #iterables = new WeakSet<object>()

  override evaluate(...[node, environment]: Parameters<Evaluate>): ReturnType<Evaluate> {
    this.#spend(1)
    if (node?.type === 'For') {
      const { iterable } = node as unknown as { iterable: { lhs?: object } }
      this.#iterables.add(iterable.lhs ?? iterable)
    }
    if (++this.#depth > deepest) throw new Error(`it is nested more than ${deepest} deep; does a macro call itself?`)
    const result = super.evaluate(node, environment as Environment)
    this.#depth--
    const { value } = result
    if (typeof value === 'string') {
      this.#written += value.length
      if (value.length > longestText || this.#written > mostText)
        throw new Error(`it writes a text of more than ${longestText} characters, or more than ${mostText} on the way`)
    } else if (Array.isArray(value)) {
      if (value.length > mostItems)
        throw new Error(`it makes a list of ${value.length} items; at most ${mostItems} are kept`)
      if (this.#iterables.has(node!)) this.#spend(value.length * stepsOfIteration)
    }
    return result
  }

  #spend(steps: number): void {
    this.#steps += steps
    if (this.#steps > mostSteps) throw new Error(`it takes more than ${mostSteps} steps; is there a loop in a loop?`)
  }
}
