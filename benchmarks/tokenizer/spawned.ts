/** Programs run as child processes, with their time and memory. */
import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'

/** Time and memory of a process. */
export type Spent = { wallSeconds: number; processorSeconds: number; peakBytes: number }

/** A program that ended with an error, and what it had taken until then. */
export class FailedProgram extends Error {
  readonly spent: Spent
  constructor(message: string, spent: Spent) {
    super(message)
    this.spent = spent
  }
}

/** Clock ticks per second, the unit of processor time in /proc. @see sysconf(3), _SC_CLK_TCK */
const TICKS = 100

/**
 * Runs a program to its end. Peak memory and processor time are read from /proc meanwhile (0 on systems without it).
 * @throws FailedProgram if it ends with another code than 0, or by a signal
 */
export async function run(
  program: string,
  args: string[],
  files: { stdin?: string; stdout?: string } = {},
): Promise<Spent> {
  const input = files.stdin === undefined ? 'ignore' : openSync(files.stdin, 'r')
  const output = files.stdout === undefined ? 'ignore' : openSync(files.stdout, 'w')
  const start = performance.now()
  const child = spawn(program, args, { stdio: [input, output, 'pipe'] })
  let peakBytes = 0
  let processorSeconds = 0
  let errors = ''
  child.stderr!.on('data', (part) => {
    errors = (errors + part).slice(-2000)
  })
  const timer = setInterval(() => {
    try {
      const found = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))
      if (found) peakBytes = Math.max(peakBytes, Number(found[1]) * 1024)
      const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8')
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      processorSeconds = Math.max(processorSeconds, (Number(fields[11]) + Number(fields[12])) / TICKS)
    } catch {
      // The process has ended, or the system has no /proc.
    }
  }, 10)
  const spent = (): Spent => ({ wallSeconds: (performance.now() - start) / 1000, processorSeconds, peakBytes })
  try {
    await new Promise<void>((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code, signal) =>
        code === 0
          ? resolve()
          : reject(new FailedProgram(`${program} ended with ${code ?? signal}: ${errors}`, spent())),
      )
    })
    return spent()
  } finally {
    clearInterval(timer)
    for (const file of [input, output]) if (typeof file === 'number') closeSync(file)
  }
}

/** Whether a program is installed. */
export async function exists(program: string): Promise<boolean> {
  return run(program, ['--version']).then(
    () => true,
    () => false,
  )
}
