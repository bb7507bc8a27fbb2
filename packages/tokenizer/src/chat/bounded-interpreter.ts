/** A Jinja interpreter with limits of time and memory, since templates are untrusted. */
import { type Environment, Interpreter } from '@huggingface/jinja'

/** Limit of a template's length in characters; the largest of published models have some 20,000. */
export const largestTemplate = 2 ** 20
/** Limit of consecutive white space, which the library parses in quadratic time. */
const longestSpace = 1000
/** Limit of evaluated nodes; a conversation of a thousand messages takes some 100,000. */
const mostSteps = 1_000_000
/** Cost of a loop iteration in nodes, besides its body (measured: some 13 µs, twenty times a node). */
const stepsOfIteration = 20
/** Limits of the length of one string, and of all strings created during a rendering, in characters. */
const longestText = 2 ** 24
const mostText = 2 ** 28
const mostItems = 1_000_000
const deepest = 500

type Evaluate = Interpreter['evaluate']

/** @throws Error where parsing the template would take too long */
export function checkTemplateSize(source: string): void {
  if (source.length > largestTemplate)
    throw new Error(`it has ${source.length} characters; at most ${largestTemplate} are allowed`)
  const space = new RegExp(`\\s{${longestSpace}}`).exec(source)
  if (space)
    throw new Error(
      `it has more than ${longestSpace} characters of white space in a row, from character ${space.index}`,
    )
}

/** An interpreter that throws where a template exceeds the limits: nested loops, doubling strings, recursive macros. */
export class BoundedInterpreter extends Interpreter {
  private steps = 0
  private written = 0
  private depth = 0
  /** Nodes that loops iterate over: each item costs an iteration, even with an empty body. */
  private readonly iterables = new WeakSet<object>()

  override evaluate(...[node, environment]: Parameters<Evaluate>): ReturnType<Evaluate> {
    this.spend(1)
    if (node?.type === 'For') {
      const { iterable } = node as unknown as { iterable: { lhs?: object } }
      this.iterables.add(iterable.lhs ?? iterable)
    }
    if (++this.depth > deepest) throw new Error(`it is nested more than ${deepest} deep; does a macro call itself?`)
    const result = super.evaluate(node, environment as Environment)
    this.depth--
    const { value } = result
    if (typeof value === 'string') {
      this.written += value.length
      if (value.length > longestText || this.written > mostText)
        throw new Error(
          `it creates a string of more than ${longestText} characters, or more than ${mostText} characters in total`,
        )
    } else if (Array.isArray(value)) {
      if (value.length > mostItems)
        throw new Error(`it creates a list of ${value.length} items; at most ${mostItems} are allowed`)
      if (this.iterables.has(node!)) this.spend(value.length * stepsOfIteration)
    }
    return result
  }

  private spend(steps: number): void {
    this.steps += steps
    if (this.steps > mostSteps) throw new Error(`it takes more than ${mostSteps} steps; are there nested loops?`)
  }
}
