/** The flags of a parsed launch, with typed access. */
import { show } from '../check.ts'
import type { ShellReading } from './shell/shell-reader.ts'

/** The words of the training command, or of the array with its flags. */
export function argumentsOf(shell: ShellReading): readonly string[] {
  const isFlag = (word: string) => word.startsWith('--')
  let best: readonly string[] = []
  for (const command of shell.commands) {
    // The command may be quoted inside another one (`bash -c "..."`).
    const words = command.flatMap((word) => (/\s/.test(word) && /--[\w-]+/.test(word) ? word.split(/\s+/) : [word]))
    if (words.some((word) => /pretrain_gpt\.py$/.test(word)) && words.length > best.length) best = words
  }
  if (best.filter(isFlag).length >= 3) return best
  for (const values of shell.variables.values()) {
    if (values.filter(isFlag).length > best.filter(isFlag).length) best = values
  }
  if (best.filter(isFlag).length < 3) {
    throw new RangeError('launch: found no command that runs pretrain_gpt.py, and no array of its flags')
  }
  return best
}

/** Flags by name, with typed access that records which were read. */
export class LaunchFlags {
  private readonly values = new Map<string, string[]>()
  private readonly before: readonly string[]
  private readonly read = new Set<string>()

  constructor(words: readonly string[]) {
    const script = words.findIndex((word) => /pretrain_gpt\.py$/.test(word))
    this.before = words.slice(0, Math.max(0, script))
    let current: string[] | null = null
    for (const word of words.slice(script + 1)) {
      const flag = /^(--[A-Za-z][\w-]*)(?:=([\s\S]*))?$/.exec(word)
      if (flag) {
        current = flag[2] === undefined ? [] : [flag[2]]
        // The last of several is used, as by argparse.
        this.values.set(flag[1], current)
      } else current?.push(word)
    }
  }

  /** A flag of torchrun. */
  launcher(name: string): string | undefined {
    const at = this.before.findIndex((word) => word === name || word.startsWith(`${name}=`))
    if (at < 0) return undefined
    return this.before[at] === name ? this.before[at + 1] : this.before[at].slice(name.length + 1)
  }

  has(name: string): boolean {
    this.read.add(name)
    return this.values.has(name)
  }

  list(name: string): string[] | undefined {
    this.read.add(name)
    return this.values.get(name)
  }

  text(name: string): string | undefined {
    const values = this.list(name)
    if (values !== undefined && values.length === 0) throw new RangeError(`${name} needs a value`)
    return values?.[0]
  }

  number(name: string): number
  number<T>(name: string, fallback: T): number | T
  number(name: string, fallback?: unknown): unknown {
    const text = this.text(name)
    if (text === undefined) {
      if (fallback === undefined) throw new RangeError(`${name} is missing`)
      return fallback
    }
    const value = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : Number.NaN
    if (!Number.isFinite(value)) throw new RangeError(`${name} must be a number, got ${show(text)}`)
    return value
  }

  /** Every flag with its values. */
  all(): ReadonlyMap<string, readonly string[]> {
    return this.values
  }

  /** Flags that have not been read. */
  unread(): string[] {
    return [...this.values]
      .filter(([name]) => !this.read.has(name))
      .map(([name, values]) => [name, ...values].join(' ').slice(0, 200))
  }
}
