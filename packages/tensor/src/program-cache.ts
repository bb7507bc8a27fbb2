// Programs by key: the most recently used stay.

interface Entry<P> {
  readonly made: Promise<P>
  program?: P
  /** Calls that are using it right now. */
  users: number
  /** No longer in the cache: thrown away once nobody uses it. */
  evicted: boolean
}

export interface ProgramCacheOptions<P> {
  readonly capacity: number
  /** Gives back everything a program holds. */
  discard(program: P): void
  /** How many of the most recently used programs keep what they hold between runs; default: all. */
  readonly awake?: number
  /** Gives back what a program holds between runs. It may run again. */
  rest?(program: P): void
}

/** Programs by key, the least recently used thrown away: ever new shapes cost time, but not ever more memory. */
export class ProgramCache<P> {
  private readonly entries = new Map<string, Entry<P>>()
  private readonly options: ProgramCacheOptions<P>

  constructor(options: ProgramCacheOptions<P>) {
    this.options = options
  }

  get size(): number {
    return this.entries.size
  }

  /**
   * Hands the program of a key to `f`, which nobody takes away before f's promise is settled. It is built when the key
   * is new; calls that come meanwhile wait for the same build. A build that failed is forgotten.
   */
  async use<T>(key: string, build: () => Promise<P>, f: (program: P) => T | Promise<T>): Promise<T> {
    let entry = this.entries.get(key)
    if (!entry) {
      entry = { made: build(), users: 0, evicted: false }
      if (this.entries.size >= this.options.capacity) this.delete(this.entries.keys().next().value!)
    }
    // The most recently used stands last.
    this.entries.delete(key)
    this.entries.set(key, entry)
    entry.users++
    this.settle()
    try {
      entry.program = await entry.made
      return await f(entry.program)
    } catch (error) {
      if (entry.program === undefined) this.delete(key, entry)
      throw error
    } finally {
      entry.users--
      if (entry.evicted) this.discard(entry)
      else this.settle()
    }
  }

  /** Takes a program out; with `only`, only if the key still stands for that one. */
  evict(key: string, only: P): void {
    const entry = this.entries.get(key)
    if (entry?.program === only) this.delete(key, entry)
  }

  clear(): void {
    for (const key of [...this.entries.keys()]) this.delete(key)
  }

  private delete(key: string, only?: Entry<P>): void {
    const entry = this.entries.get(key)
    if (!entry || (only && entry !== only)) return
    this.entries.delete(key)
    entry.evicted = true
    this.discard(entry)
  }

  private discard(entry: Entry<P>): void {
    if (entry.users > 0 || entry.program === undefined) return
    const { program } = entry
    entry.program = undefined
    this.options.discard(program)
  }

  /** Everything that is neither in use nor among the most recent rests. */
  private settle(): void {
    const { awake = Number.POSITIVE_INFINITY, rest } = this.options
    let asleep = this.entries.size - awake
    if (!rest || asleep <= 0) return
    for (const entry of this.entries.values()) {
      if (asleep-- <= 0) return
      if (entry.users === 0 && entry.program !== undefined) rest(entry.program)
    }
  }
}
