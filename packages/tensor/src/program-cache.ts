// A cache of programs that evicts the least recently used.

interface Entry<P> {
  readonly made: Promise<P>
  program?: P
  /** Calls that are using it now. */
  users: number
  /** No longer in the cache: discarded when its last call ends. */
  evicted: boolean
}

export interface ProgramCacheOptions<P> {
  readonly capacity: number
  /** Releases everything a program holds. */
  discard(program: P): void
  /** How many of the most recently used programs keep their temporaries between runs; default: all. */
  readonly keptTemporaries?: number
  /** Releases what a program holds between runs. It may run again. */
  releaseTemporaries?(program: P): void
}

/** Programs by key, with the least recently used evicted: ever new shapes cost time, but memory stays bounded. */
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
   * Calls `f` with the program of a key, which is not discarded before f's promise settles. The program is built if the
   * key is new; concurrent calls wait for the same build. A failed build is not cached.
   */
  async use<T>(key: string, build: () => Promise<P>, f: (program: P) => T | Promise<T>): Promise<T> {
    let entry = this.entries.get(key)
    if (!entry) {
      entry = { made: build(), users: 0, evicted: false }
      if (this.entries.size >= this.options.capacity) this.delete(this.entries.keys().next().value!)
    }
    // The most recently used is last.
    this.entries.delete(key)
    this.entries.set(key, entry)
    entry.users++
    this.releaseSurplus()
    try {
      entry.program = await entry.made
      return await f(entry.program)
    } catch (error) {
      if (entry.program === undefined) this.delete(key, entry)
      throw error
    } finally {
      entry.users--
      if (entry.evicted) this.discard(entry)
      else this.releaseSurplus()
    }
  }

  /** Evicts a program, if the key still refers to it. */
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

  /** Releases the temporaries of programs that are neither in use nor among the most recently used. */
  private releaseSurplus(): void {
    const { keptTemporaries = Number.POSITIVE_INFINITY, releaseTemporaries } = this.options
    let surplus = this.entries.size - keptTemporaries
    if (!releaseTemporaries || surplus <= 0) return
    for (const entry of this.entries.values()) {
      if (surplus-- <= 0) return
      if (entry.users === 0 && entry.program !== undefined) releaseTemporaries(entry.program)
    }
  }
}
