/** Options on the command lines of the benchmarks. */
import { basename } from 'node:path'
import { type ParseArgsConfig, parseArgs as parse } from 'node:util'

/**
 * `parseArgs` of node:util, with `--help`, which lists the options, their defaults and what the benchmark measures, and
 * with one line and exit code 2 for an option that there is not.
 * @param about what the options mean, by name; an option named `worker` is the script's own and is not listed
 */
export function parseArgs<T extends ParseArgsConfig>(
  config: T,
  about: Readonly<Record<string, string>> = {},
): ReturnType<typeof parse<T>> {
  const args = config.args ?? process.argv.slice(2)
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(helpOf(config, about))
    process.exit(0)
  }
  try {
    return parse(config)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (!code?.startsWith('ERR_PARSE_ARGS')) throw error
    failUse(`${message} (--help lists the options)`)
  }
}

/** Ends the process with one line about a wrong option. */
export function failUse(message: string): never {
  process.stderr.write(`${basename(process.argv[1])}: ${message}\n`)
  process.exit(2)
}

/** The text of `--help`. */
export function helpOf({ options = {} }: ParseArgsConfig, about: Readonly<Record<string, string>> = {}): string {
  const rows = Object.entries(options)
    .filter(([name]) => name !== 'worker')
    .map(([name, { type, default: value, multiple }]) => [
      `  --${name}${type === 'string' ? ' VALUE' : ''}${multiple ? ' ...' : ''}`,
      [about[name], value !== undefined && value !== false && `(default: ${value})`].filter(Boolean).join(' '),
    ])
  const width = Math.max(...rows.map(([flag]) => flag.length)) + 2
  const lines = rows.map(([flag, text]) => `${flag.padEnd(width)}${text}`.trimEnd())
  return `Options of ${basename(process.argv[1])}; benchmarks/README.md says what it measures:\n\n${lines.join('\n')}\n`
}

/** @throws RangeError that names the option */
export function countOf(option: string, text: string): number {
  const count = Number(text)
  if (!Number.isInteger(count) || count < 1)
    throw new RangeError(`--${option}: expected an integer of at least 1, got ${text}`)
  return count
}

export type BackendName = 'cpu' | 'webgpu'

/** @param text names separated by commas @throws RangeError for a name that is no backend */
export function backendsOf(text: string): BackendName[] {
  return text.split(',').map((name) => {
    if (name !== 'cpu' && name !== 'webgpu')
      throw new RangeError(`--backends: expected cpu, webgpu or both separated by a comma, got ${name}`)
    return name
  })
}
