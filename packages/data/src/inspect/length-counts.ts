/** A histogram of lengths in a fixed 600 kB: exact below 65,536, with bins of about 1 % above. */

const exact = 2 ** 16
/** Bins per octave above that. */
const perOctave = 64
const octaves = 32

/** Minimum, mean, median and maximum of the lengths, and their histogram by octaves. */
export interface LengthSummary {
  readonly least: number
  readonly mean: number
  readonly median: number
  readonly greatest: number
  /** Number of documents with lengths from `from` to 2 x `from` - 1; without empty octaves at the ends. */
  readonly octaves: readonly { readonly from: number; readonly documents: number }[]
}

/** Counts of lengths. */
export class LengthCounts {
  private readonly counts = new Float64Array(exact + perOctave * octaves)
  private documents = 0
  private sum = 0
  private least = Number.POSITIVE_INFINITY
  private greatest = 0

  add(length: number): void {
    this.documents++
    this.sum += length
    if (length < this.least) this.least = length
    if (length > this.greatest) this.greatest = length
    const bin = length < exact ? length : exact + Math.floor((Math.log2(length) - 16) * perOctave)
    this.counts[Math.min(bin, this.counts.length - 1)]++
  }

  /** The summary; undefined where nothing was added. */
  summary(): LengthSummary | undefined {
    if (this.documents === 0) return undefined
    const octaves = new Map<number, number>()
    const middle = Math.floor(this.documents / 2)
    let seen = 0
    let median = -1
    this.counts.forEach((count, bin) => {
      if (count === 0) return
      const length = bin < exact ? bin : Math.round(2 ** (16 + (bin - exact + 0.5) / perOctave))
      if (median < 0 && seen + count > middle) median = Math.min(Math.max(length, this.least), this.greatest)
      seen += count
      const octave = length < 1 ? 0 : 2 ** Math.floor(Math.log2(length))
      octaves.set(octave, (octaves.get(octave) ?? 0) + count)
    })
    const used = [...octaves.keys()]
    const [low, high] = [Math.min(...used), Math.max(...used)]
    const steps: number[] = []
    for (let from = low; from <= high; from = from === 0 ? 1 : from * 2) steps.push(from)
    return {
      least: this.least,
      mean: this.sum / this.documents,
      median,
      greatest: this.greatest,
      octaves: steps.map((from) => ({ from, documents: octaves.get(from) ?? 0 })),
    }
  }
}
