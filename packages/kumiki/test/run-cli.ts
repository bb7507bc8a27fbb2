/** Runs the command line, in a process of its own or in this one. */
import { spawn } from 'node:child_process'
import { Readable } from 'node:stream'
import { main } from '../src/cli.ts'
import { sharedCli } from './bundled-cli.ts'

export interface CliResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** stdout as the one JSON document it has to be. */
  json(): any
}

/**
 * Runs a process, of a bundle of the sources.
 * @param args words of the command line; a string is split at spaces
 */
export async function kumiki(
  args: string | readonly string[],
  options: { input?: string | Uint8Array; cwd?: string } = {},
): Promise<CliResult> {
  const bin = await sharedCli()
  const words = typeof args === 'string' ? args.split(' ').filter((word) => word !== '') : args
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [bin, ...words], { cwd: options.cwd, stdio: 'pipe' })
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
 * Runs `main` and captures its output. Start a process only to test what belongs to one: its exit code, its pipes.
 * @param options.input the content of stdin
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
