/**
 * Interprets the subset of shell scripts that launches use: assignments, arrays, arithmetic, defaults, tests,
 * functions. Nothing is executed: command substitutions and loops stay unknown, with a note.
 */
import {
  type Assignment,
  type CommandNode,
  type If,
  type Command as ParsedCommand,
  parse,
  type Statement,
  type Word,
} from 'unbash'
import { show } from '../../check.ts'
import { Conditions } from './conditions.ts'
import { Expansion } from './expansion.ts'

/** The result of interpreting scripts. */
export interface ShellReading {
  /** Every simple command, expanded into words. */
  readonly commands: readonly (readonly string[])[]
  readonly variables: ReadonlyMap<string, readonly string[]>
  /** Options of `#SBATCH` lines. */
  readonly sbatch: ReadonlyMap<string, string>
  /** Values that could not be determined. */
  readonly notes: readonly string[]
}

const maxText = 4 * 2 ** 20
/** Maximum depth of function calls. */
const maxCallDepth = 8
const declarations = new Set(['export', 'local', 'readonly', 'declare', 'typeset'])

/** Messages for the parser's errors of unterminated quotes. */
const unended: Readonly<Record<string, string>> = {
  'unterminated single quote': "a ' is not closed",
  'unterminated double quote': 'a " is not closed',
}

/**
 * Interprets scripts in order, as if each sourced the previous one.
 * @param environment environment variables
 * @throws RangeError for text above 4 MiB, an open quote, or values that grow past 1 MiB
 */
export function readShell(texts: readonly string[], environment: Readonly<Record<string, string>>): ShellReading {
  let size = 0
  for (const text of texts) {
    if (typeof text !== 'string') throw new TypeError(`launch must be a string, got ${show(text)}`)
    size += text.length
  }
  if (size > maxText) throw new RangeError(`launch: ${size} characters; at most ${maxText} are read`)
  const reader = new Reader(environment)
  const sbatch = new Map<string, string>()
  for (const text of texts) {
    for (const [, name, value] of text.matchAll(/^#SBATCH\s+(--?[\w-]+)[=\s]\s*(\S+)/gm)) sbatch.set(name, value)
    const { commands, errors = [] } = parse(text)
    for (const { message, pos } of errors.slice(0, 8)) {
      if (unended[message]) throw new RangeError(`launch: ${unended[message]}`)
      reader.notes.add(`line ${text.slice(0, pos).split('\n').length}: ${message}`)
    }
    reader.list(commands)
  }
  return { commands: reader.commands, variables: reader.expansion.variables, sbatch, notes: [...reader.notes] }
}

class Reader {
  readonly commands: string[][] = []
  readonly notes = new Set<string>()
  readonly expansion: Expansion
  private readonly conditions: Conditions
  private readonly functions = new Map<string, CommandNode>()
  private calls = 0

  constructor(environment: Readonly<Record<string, string>>) {
    this.expansion = new Expansion(environment, this.notes)
    this.conditions = new Conditions(this.expansion, this.notes)
  }

  /** Interprets statements. @returns whether the last one succeeded, as far as known */
  list(statements: readonly Statement[]): boolean {
    let succeeded = true
    for (const { command } of statements) succeeded = this.node(command)
    return succeeded
  }

  private node(node: Statement['command']): boolean {
    this.expansion.spend(64)
    switch (node.type) {
      case 'AndOr':
        return this.andOr(node.commands, node.operators)
      case 'Pipeline': {
        let succeeded = true
        for (const command of node.commands) succeeded = this.node(command)
        return node.prefixes.some(({ type }) => type === 'Negation') ? !succeeded : succeeded
      }
      case 'Redirected':
        return this.node(node.command)
      case 'Subshell':
      case 'BraceGroup':
        return this.list(node.body.commands)
      case 'If':
        return this.branches([node, ...node.elif], node.else?.commands ?? [])
      case 'TestCommand':
        return this.conditions.expression(node.expression) ?? this.conditions.unknown(node.expression)
      case 'Function':
        if (node.body.type !== 'CompoundList') this.functions.set(node.name.value, node.body)
        return true
      case 'Command':
        return this.command(node)
      case 'For':
      case 'ArithmeticFor':
      case 'While':
      case 'Select':
      case 'Case': {
        const kind = node.type === 'While' ? node.kind : node.type === 'ArithmeticFor' ? 'for' : node.type.toLowerCase()
        this.notes.add(`a ${kind} ${kind === 'case' ? 'command' : 'loop'} is not executed`)
        return true
      }
      default:
        return true
    }
  }

  private andOr(commands: readonly Statement['command'][], operators: readonly ('&&' | '||')[]): boolean {
    let succeeded = this.node(commands[0])
    operators.forEach((operator, i) => {
      if (succeeded === (operator === '&&')) succeeded = this.node(commands[i + 1])
    })
    return succeeded
  }

  private branches(branches: readonly Pick<If, 'clause' | 'then'>[], otherwise: readonly Statement[]): boolean {
    for (const { clause, then } of branches) if (this.holds(clause.commands)) return this.list(then.commands)
    return this.list(otherwise)
  }

  /** A condition that is a command is assumed false, because its result is unknown. */
  private holds(statements: readonly Statement[]): boolean {
    const last = statements.at(-1)?.command
    const plain = last?.type === 'Command' && last.name !== undefined && !['[', 'test'].includes(last.name.value)
    if (!plain) return this.list(statements)
    const words = last.args.flatMap((word) => (word.type === 'Word' ? this.expansion.words(word) : []))
    return this.conditions.unknownWords([...this.expansion.words(last.name as Word), ...words])
  }

  private command(node: ParsedCommand): boolean {
    const { name } = node
    if (name !== undefined && declarations.has(name.value)) {
      for (const argument of node.args) if (argument.type === 'Assignment') this.assign(argument)
      return true
    }
    for (const prefix of node.prefix) if (prefix.type === 'Assignment') this.assign(prefix)
    if (name === undefined) return true
    if (name.value === '[' || name.value === 'test') return this.conditions.words(node)
    const body = this.functions.get(name.value)
    if (body) {
      if (this.calls === maxCallDepth)
        throw new RangeError(`launch: functions call each other deeper than ${maxCallDepth}`)
      this.calls++
      const succeeded = this.node(body)
      this.calls--
      return succeeded
    }
    const words = [...this.expansion.words(name)]
    for (const argument of node.args) {
      if (argument.type === 'Word') words.push(...this.expansion.words(argument))
      else words.push(`${argument.name}=${this.expansion.text(argument.value as Word)}`)
    }
    this.expansion.checkCount(words)
    this.commands.push(words)
    return true
  }

  private assign({ name, value, append, index }: Assignment): void {
    const { expansion } = this
    if (index) {
      this.notes.add(`the assignment to an element of ${name} is not supported`)
      return
    }
    const before = expansion.variables.get(name) ?? []
    if (value.type === 'ArrayValue') {
      const values = value.elements.flatMap((element) => expansion.words(element))
      expansion.set(name, append ? [...before, ...values] : values)
    } else {
      const text = expansion.text(value)
      expansion.set(name, [append ? `${before.join(' ')}${text}` : text])
    }
  }
}
