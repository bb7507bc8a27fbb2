/** How every verb is declared, fails and answers. */
import type { Command } from 'commander'
import { UsageError } from './usage-error.ts'

/** A failure, and the verb it happened in. */
export class VerbError extends Error {
  readonly verb: string
  constructor(verb: string, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
    this.verb = verb
  }
}

/** One line, whatever a message holds. */
export function oneLine(message: string): string {
  return message.trim().replace(/\s*\n\s*/g, ' ')
}

/** A command under `parent`. Wrong use of it is one line on stderr that names it. */
export function addCommand(parent: Command, name: string, description: string): Command {
  const command = parent.command(name).description(description)
  return prepare(command, pathOf(command))
}

/** Makes a command throw rather than exit, and speak in one line. */
export function prepare(command: Command, path: string): Command {
  return command.exitOverride().configureOutput({
    outputError: (text, write) => write(`${path}: ${oneLine(text.replace(/^error: /, ''))}\n`),
  })
}

/** A verb: a command with --json and an action. What the action throws is told under the verb's name. */
export function addVerb(
  parent: Command,
  name: string,
  description: string,
  declare: (command: Command) => Command,
  action: (options: any, ...args: any[]) => Promise<void>,
): Command {
  const command = declare(addCommand(parent, name, description)).option('--json', 'one JSON document on stdout')
  return command.action(async (...given: unknown[]) => {
    const args = given.slice(0, -2) // commander appends options and command
    try {
      checkPaths(command, args)
      await action(command.opts(), ...args)
    } catch (error) {
      throw new VerbError(pathOf(command), error)
    }
  })
}

/**
 * A value that names a file or folder: an empty one is an unset variable in quotes, and one that is a flag of the verb was meant as that flag.
 * @throws UsageError
 */
function checkPaths(command: Command, args: readonly unknown[]): void {
  const flags = new Set(command.options.flatMap(({ long, short }) => [long, short]))
  const check = (name: string, isPath: boolean, value: unknown) => {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one === '' && isPath)
        throw new UsageError(`${name}: the name is empty; give a file or folder (. is the current one)`)
      if (typeof one === 'string' && flags.has(one))
        throw new UsageError(
          `${name} needs a value, but ${one} follows, which is a flag${isPath ? ` (a file of that name is ./${one})` : ''}`,
        )
    }
  }
  const isPath = (placeholder: string) => /file|folder|path|prefix|dir|run/i.test(placeholder)
  for (const option of command.options)
    if (option.required || option.optional)
      check(
        option.long ?? option.flags,
        isPath(option.flags.split(' ').at(-1)!),
        command.getOptionValue(option.attributeName()),
      )
  for (const [i, { _name: name }] of (command.registeredArguments as unknown as { _name: string }[]).entries())
    check(name, isPath(name), args[i])
}

/** 'kumiki tokenizer encode' */
export function pathOf(command: Command): string {
  const names: string[] = []
  for (let at: Command | null = command; at; at = at.parent) names.unshift(at.name())
  return names.join(' ')
}

/** The answer of a verb on stdout: the data as one JSON document, or the text for people. */
export function answer(options: { json?: boolean }, data: unknown, text: () => string): void {
  const written = options.json ? JSON.stringify(data, plainArrays, 2) : text()
  process.stdout.write(written.endsWith('\n') ? written : `${written}\n`)
}

/** Typed arrays are written as arrays. */
function plainArrays(_: string, value: unknown): unknown {
  return ArrayBuffer.isView(value) && !(value instanceof DataView)
    ? Array.from(value as unknown as ArrayLike<number>)
    : value
}

/** A remark on stderr. */
export function log(line: string): void {
  process.stderr.write(`${line}\n`)
}
