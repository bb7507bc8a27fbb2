/** Declares verbs, and defines how they report errors and results. */
import type { Command } from 'commander'
import { suggestion } from './flags/nearest.ts'
import { systemFault } from './system-fault.ts'
import { UsageError } from './usage-error.ts'

/** An error with the verb that threw it. */
export class VerbError extends Error {
  readonly verb: string
  constructor(verb: string, cause: unknown) {
    super(systemFault(cause) ?? (cause instanceof Error ? cause.message : String(cause)), { cause })
    this.verb = verb
  }
}

/** Joins a message's lines into one. */
export function oneLine(message: string): string {
  return message.trim().replace(/\s*\n\s*/g, ' ')
}

/** Adds a command under `parent`. A usage error is one line on stderr that names the command. */
export function addCommand(parent: Command, name: string, description: string): Command {
  const command = parent.command(name).description(description)
  return prepare(command, pathOf(command))
}

/**
 * Makes a command throw instead of exiting, and print errors as one line. An unknown flag is reported before a missing
 * one, for which it may have been meant.
 */
export function prepare(command: Command, path: string): Command {
  const parse = command.parseOptions.bind(command)
  command.parseOptions = (args) => {
    const parsed = parse(args)
    const [flag] = parsed.unknown
    // A group of verbs passes their flags on, and --help prints help whatever else is given.
    const isVerb = command.commands.length === 0 && flag?.startsWith('--')
    if (isVerb && !parsed.unknown.some((word) => /^(-h|--help)$/.test(word))) {
      const known = command.options.flatMap(({ long, hidden }) => (long && !hidden ? [long] : []))
      command.error(`unknown option '${flag}'${suggestion(flag.split('=')[0], known)}`)
    }
    return parsed
  }
  return command.exitOverride().configureOutput({
    outputError: (text, write) => write(`${path}: ${oneLine(text.replace(/^error: /, ''))}\n`),
  })
}

/** Adds a verb: a command with --json and an action. Errors of the action are wrapped with the verb's name. */
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
 * Rejects empty paths, which come from unset shell variables in quotes, and values that are flags of the verb.
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

/** Prints a verb's result on stdout: the data as one JSON document with --json, else the text. */
export function answer(options: { json?: boolean }, data: unknown, text: () => string): void {
  const written = options.json ? JSON.stringify(data, plainArrays, 2) : text()
  process.stdout.write(written.endsWith('\n') ? written : `${written}\n`)
}

/** Writes typed arrays as JSON arrays. */
function plainArrays(_: string, value: unknown): unknown {
  return ArrayBuffer.isView(value) && !(value instanceof DataView)
    ? Array.from(value as unknown as ArrayLike<number>)
    : value
}

/** Prints a line on stderr. */
export function log(line: string): void {
  process.stderr.write(`${line}\n`)
}
