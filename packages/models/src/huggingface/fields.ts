/** Typed access to the fields of an untrusted config.json, which records the fields that were not read. */

/** A value as errors show it, shortened. */
export function show(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : JSON.stringify(value)
  return text === undefined ? 'nothing' : text.length > 80 ? `${text.slice(0, 77)}...` : text
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export class Fields {
  readonly owner: string
  private readonly given: Readonly<Record<string, unknown>>
  private readonly used = new Set<string>()

  /** @param owner the object's name in errors, such as `config.json` */
  constructor(owner: string, given: Readonly<Record<string, unknown>>) {
    this.owner = owner
    this.given = given
  }

  /** The field's value, possibly null; undefined if it is missing. */
  raw(key: string): unknown {
    this.used.add(key)
    return Object.hasOwn(this.given, key) ? this.given[key] : undefined
  }

  /** Whether a field has a value other than null. */
  has(key: string): boolean {
    const value = this.raw(key)
    return value !== undefined && value !== null
  }

  /** @param fallback for a field that is missing or null @throws TypeError naming the field */
  number(key: string, fallback?: number): number {
    if (!this.has(key)) {
      if (fallback !== undefined) return fallback
      throw new TypeError(`${this.owner}: ${key} is missing; it must be a number`)
    }
    const value = this.raw(key)
    if (typeof value === 'number') return value
    throw new TypeError(`${this.owner}: ${key} must be a number, got ${show(value)}`)
  }

  /** A number, or undefined for null. @param fallback for a missing field */
  optionalNumber(key: string, fallback?: number): number | undefined {
    if (this.raw(key) === null) return undefined
    return this.has(key) || fallback === undefined ? (this.has(key) ? this.number(key) : undefined) : fallback
  }

  flag(key: string, fallback: boolean): boolean {
    const value = this.raw(key) ?? fallback
    if (typeof value === 'boolean') return value
    throw new TypeError(`${this.owner}: ${key} must be true or false, got ${show(value)}`)
  }

  /** @throws RangeError unless the field is missing, null, or one of those allowed */
  only(key: string, allowed: readonly unknown[], why: string): void {
    if (this.has(key) && !allowed.includes(this.raw(key)))
      throw new RangeError(`${this.owner}: ${key} must be ${show(allowed[0])} (${why}), got ${show(this.raw(key))}`)
  }

  /** The keys with a value that have not been read. */
  unread(): string[] {
    return Object.keys(this.given).filter(
      (key) => !this.used.has(key) && this.given[key] !== null && this.given[key] !== undefined,
    )
  }
}
