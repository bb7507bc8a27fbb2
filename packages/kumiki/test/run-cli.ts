/** Runs the command line, in a process of its own or in this one. */
import { spawn } from 'node:child_process'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { main } from '../src/cli.ts'

const bin = fileURLToPath(new URL('../src/bin.ts', import.meta.url))

export interface CliResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** stdout as the one JSON document it has to be. */
  json(): any
}

/** @param args words of the command line; a string is split at spaces */
export function kumiki(
  args: string | readonly string[],
  options: { input?: string | Uint8Array; cwd?: string } = {},
): Promise<CliResult> {
  const words = typeof args === 'string' ? args.split(' ').filter((word) => word !== '') : args
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      ['--conditions=source', '--import', import.meta.resolve('tsx'), bin, ...words],
      { cwd: options.cwd, stdio: 'pipe' },
    )
    const out: Buffer[] = []
    const err: Buffer[] = []
    child.stdout.on('data', (chunk) => out.push(chunk))
    child.stderr.on('data', (chunk) => err.push(chunk))
    child.on('error', reject)
    child.stdin.on('error', () => {}) // a verb that reads nothing closes it
    child.stdin.end(options.input ?? '')
    child.on('close', (code) => {
      const stdout = Buffer.concat(out).toString('utf8')
      const stderr = Buffer.concat(err).toString('utf8')
      const json = () => {
        if (stdout === '') throw new Error(`kumiki ${words.join(' ')}: code ${code}, no output; ${stderr}`)
        return JSON.parse(stdout)
      }
      resolve({ code, stdout, stderr, json })
    })
  })
}

/** Several command lines, two at a time. */
export async function kumikis(lines: readonly (string | readonly string[])[]): Promise<CliResult[]> {
  const results: CliResult[] = []
  for (let i = 0; i < lines.length; i += 2)
    results.push(...(await Promise.all(lines.slice(i, i + 2).map((line) => kumiki(line)))))
  return results
}

/**
 * `main` with what it writes caught: a process of its own takes a second, so those are for what is of the process (its
 * exit code, its pipes).
 * @param options.input what stdin gives
 */
export async function inProcess(
  line: string | readonly string[],
  options: { input?: string | Uint8Array } = {},
): Promise<CliResult> {
  const argv = typeof line === 'string' ? line.split(' ').filter((word) => word !== '') : line
  const caught = { stdout: '', stderr: '' }
  const streams = ['stdout', 'stderr'] as const
  const originals = streams.map((name) => process[name].write)
  for (const name of streams) {
    process[name].write = ((chunk: string) => {
      caught[name] += chunk
      return true
    }) as typeof process.stdout.write
  }
  const { exitCode } = process
  const stdin = Object.getOwnPropertyDescriptor(process, 'stdin')!
  const given = Readable.from([Buffer.from(options.input ?? '')])
  Object.defineProperty(process, 'stdin', { ...stdin, get: () => given })
  try {
    const code = await main(argv)
    return { code, ...caught, json: () => JSON.parse(caught.stdout) }
  } finally {
    process.exitCode = exitCode
    Object.defineProperty(process, 'stdin', stdin)
    streams.forEach((name, i) => {
      process[name].write = originals[i]
    })
  }
}

/** Several command lines in this process, one after another. */
export async function inProcesses(lines: readonly (string | readonly string[])[]): Promise<CliResult[]> {
  const results: CliResult[] = []
  for (const line of lines) results.push(await inProcess(line))
  return results
}
