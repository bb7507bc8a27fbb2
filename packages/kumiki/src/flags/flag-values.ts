/** Parsers of flag values, for commander, which reports their InvalidArgumentError as a usage error. */
import { InvalidArgumentError, Option } from 'commander'
import { suggestion } from './nearest.ts'

/** An integer within bounds. Digits only: `1e3`, `0x10` and ` 5` are rejected. */
export function integer(lower: number, upper = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN
    if (value >= lower && value <= upper) return value
    const bounds = upper === Number.MAX_SAFE_INTEGER ? `of at least ${lower}` : `from ${lower} to ${upper}`
    throw new InvalidArgumentError(`It must be an integer ${bounds}.`)
  }
}

/** A finite number within bounds; `above` is outside them. */
export function real(bounds: { above?: number; from?: number; to?: number }): (text: string) => number {
  const { above, from, to } = bounds
  return (text) => {
    const value = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : Number.NaN
    const inside =
      Number.isFinite(value) &&
      (above === undefined || value > above) &&
      (from === undefined || value >= from) &&
      (to === undefined || value <= to)
    if (inside) return value
    const words = [
      above !== undefined && `above ${above}`,
      from !== undefined && `of at least ${from}`,
      to !== undefined && `at most ${to}`,
    ].filter(Boolean)
    throw new InvalidArgumentError(`It must be a number${words.length > 0 ? ` ${words.join(' and ')}` : ''}.`)
  }
}

const scales: Readonly<Record<string, number>> = { k: 1e3, m: 1e6, b: 1e9, g: 1e9, t: 1e12 }

/** A number above 0, plain or with k, M, B (or G) or T for thousands to trillions: `2T`, `1.5e12`, `300B`. */
export function amount(to: number): (text: string) => number {
  return (text) => {
    const [, number, scale] = /^(.*?)([kmbgt]?)$/i.exec(text) as RegExpExecArray
    try {
      return real({ above: 0, to })(String(real({})(number) * (scales[scale.toLowerCase()] ?? 1)))
    } catch {
      throw new InvalidArgumentError(`It must be a number above 0 and at most ${to}, such as 2e12 or 2T.`)
    }
  }
}

const units: Readonly<Record<string, number>> = { kb: 1e3, mb: 1e6, gb: 1e9, kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30 }

/** Bytes: plain, or with kB, MB, GB, KiB, MiB or GiB: `2GB`, `512MiB`. */
export function byteSize(text: string): number {
  const [, number, unit] = /^([\d.]+)\s*([kmg]i?b)?$/i.exec(text) ?? []
  const bytes = Math.floor(Number(number) * (unit === undefined ? 1 : units[unit.toLowerCase()]))
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes
  throw new InvalidArgumentError('It must be a number of bytes, such as 2GB or 512MiB.')
}

/** Comma-separated names. */
export function names(text: string): string[] {
  const list = text.split(',').map((name) => name.trim())
  if (list.every((name) => name !== '')) return list
  throw new InvalidArgumentError('It must be comma-separated names.')
}

/** An option whose value is one of the choices. */
export function choice(flags: string, description: string, choices: readonly string[], fallback?: string): Option {
  const option = new Option(flags, description).choices(choices).argParser((value: string) => {
    if (choices.includes(value)) return value
    throw new InvalidArgumentError(`Allowed choices are ${choices.join(', ')}.${suggestion(value, choices)}`)
  })
  return fallback === undefined ? option : option.default(fallback)
}

/** The flags that choose the compute device. */
export const deviceOptions = (): Option[] => [
  choice('--device <kind>', 'auto: a hardware GPU if there is one, else cpu', ['auto', 'webgpu', 'cpu'], 'auto'),
  new Option('--threads <n>', 'threads of the cpu device (default: all cores)').argParser(integer(1, 256)),
]

/** Collects the values of a repeatable flag. */
export function collect(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value]
}

/** A name, or a JSON object. */
export function nameOrJson(text: string): string | { readonly kind: string } {
  if (!text.trimStart().startsWith('{')) return text
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new InvalidArgumentError(`It is not JSON: ${(error as Error).message.slice(0, 120)}.`)
  }
}

/** `500` is steps; `2M tokens`, `1.5e9tokens` tokens. */
export function stepsOrTokens(text: string): { readonly steps: number } | { readonly tokens: number } {
  const tokens = /^(.*?)\s*tokens?$/i.exec(text.trim())
  return tokens ? { tokens: amount(1e18)(tokens[1]) } : { steps: integer(1, 1e9)(text.trim()) }
}
