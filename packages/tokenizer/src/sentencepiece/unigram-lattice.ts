/** The lattice of all segmentations of a text by a unigram model: n-best and sampling. */
import type { PieceTrie } from './piece-trie.ts'
import type { Segments } from './segments.ts'

/** The parts of a unigram model that the lattice needs. */
export type LatticeModel = {
  trie: PieceTrie
  unkId: number
  unkScore: number
  /** Score of a piece that covers `characters` characters of text, single precision (nats). */
  scoreOf(id: number, characters: number): number
}

/** Above this many hypotheses the search keeps only the best, since long repetitive texts have too many paths. */
const MOST_HYPOTHESES = 100_000
/** Number of hypotheses then kept, unless ten per result are fewer. */
const FEWEST_HYPOTHESES = 512

/**
 * All segmentations of a normalised text, as nodes between character positions, in single precision like the C++.
 * Node 0 is the beginning, node 1 the end; the others are ordered by start, then length.
 * @see Kudo 2018, arXiv:1804.10959, section 3.3 (n-best and sampling)
 */
export class UnigramLattice {
  private readonly length: number
  private readonly from: number[] = [0, 0]
  private readonly to: number[] = [0, 0]
  private readonly id: number[] = [-1, -1]
  private readonly score: number[] = [0, 0]
  /** By unit position: the nodes that end there. */
  private readonly endingAt: number[][]
  /** By node: the best score of a path from the beginning to its end. */
  private readonly best: Float32Array

  constructor(units: Uint16Array, length: number, model: LatticeModel) {
    this.length = length
    this.from[1] = this.to[1] = length
    this.endingAt = Array.from({ length: length + 1 }, () => [])
    this.endingAt[0].push(0)
    const { base, check, value, codeOf } = model.trie
    const add = (from: number, to: number, id: number, score: number) => {
      this.endingAt[to].push(this.from.length)
      this.from.push(from)
      this.to.push(to)
      this.id.push(id)
      this.score.push(score)
    }
    let next = 0
    for (let start = 0; start < length; start = next) {
      next = start + (units[start] >= 0xd800 && units[start] < 0xdc00 ? 2 : 1)
      let single = false
      let characters = 0
      let node = 0
      for (let end = start; end < length; ) {
        const child = base[node] + codeOf[units[end]]
        if (check[child] !== node) break
        node = child
        if (units[end] < 0xdc00 || units[end] > 0xdfff) characters++
        end++
        if (value[node] < 0) continue
        add(start, end, value[node], model.scoreOf(value[node], characters))
        if (end === next) single = true
      }
      if (!single) add(start, next, model.unkId, model.unkScore)
    }
    this.best = new Float32Array(this.from.length)
    for (let node = 2; node < this.from.length; node++) this.best[node] = this.bestBefore(node)
    this.best[1] = this.bestBefore(1)
  }

  /** The `count` best paths, best first, by A* from the end. */
  nBest(count: number): { nodes: number[]; score: number }[] {
    const results: { nodes: number[]; score: number }[] = []
    let agenda: Hypothesis[] = [{ node: 1, next: undefined, fx: this.best[1], gx: 0 }]
    while (agenda.length > 0) {
      const top = popLargest(agenda)
      if (top.node === 0) {
        const nodes: number[] = []
        for (let h = top.next; h?.next; h = h.next) nodes.push(h.node)
        results.push({ nodes, score: top.fx })
        if (results.length === count) break
        continue
      }
      for (const node of this.endingAt[this.from[top.node]]) {
        pushLarge(agenda, {
          node,
          next: top,
          fx: Math.fround(this.best[node] + top.gx),
          gx: Math.fround(this.score[node] + top.gx),
        })
      }
      if (agenda.length >= MOST_HYPOTHESES) {
        const kept: Hypothesis[] = []
        const size = Math.min(FEWEST_HYPOTHESES, count * 10)
        while (kept.length < size) pushLarge(kept, popLargest(agenda))
        agenda = kept
      }
    }
    return results
  }

  /**
   * Samples a path in proportion to exp(`theta` times its score), by forward filtering and backward sampling.
   * @param random uniform numbers in [0, 1)
   */
  sample(theta: number, random: () => number): number[] {
    const total = new Float64Array(this.from.length)
    const sumBefore = (at: number) => {
      let largest = Number.NEGATIVE_INFINITY
      for (const node of this.endingAt[at]) largest = Math.max(largest, total[node])
      let sum = 0
      for (const node of this.endingAt[at]) sum += Math.exp(total[node] - largest)
      return largest + Math.log(sum)
    }
    for (let node = 2, at = -1, sum = 0; node < this.from.length; node++) {
      if (this.from[node] !== at) {
        at = this.from[node]
        sum = at === 0 ? 0 : sumBefore(at)
      }
      total[node] = sum + theta * this.score[node]
    }
    const path: number[] = []
    for (let at = this.length; at > 0; ) {
      const nodes = this.endingAt[at]
      let left = random() * Math.exp(sumBefore(at) - total[nodes[0]])
      let chosen = nodes[nodes.length - 1]
      for (const node of nodes) {
        left -= Math.exp(total[node] - total[nodes[0]])
        if (left < 0) {
          chosen = node
          break
        }
      }
      path.push(chosen)
      at = this.from[chosen]
    }
    return path.reverse()
  }

  /** Writes the pieces of a path. */
  write(nodes: readonly number[], out: Segments): void {
    out.clear(nodes.length)
    for (const node of nodes) out.push(this.id[node], this.to[node])
  }

  private bestBefore(node: number): number {
    let best = Number.NaN
    for (const before of this.endingAt[this.from[node]]) {
      const score = Math.fround(this.best[before] + this.score[node])
      if (Number.isNaN(best) || score > best) best = score
    }
    return best
  }
}

type Hypothesis = { node: number; next: Hypothesis | undefined; fx: number; gx: number }

// Ties come out in the order of the C++ standard library's heap, whose pop moves the hole down to a leaf and then sifts
// up.

function pushLarge(heap: Hypothesis[], item: Hypothesis): void {
  heap.push(item)
  rise(heap, heap.length - 1, item)
}

function rise(heap: Hypothesis[], at: number, item: Hypothesis): void {
  while (at > 0) {
    const parent = (at - 1) >> 1
    if (heap[parent].fx >= item.fx) break
    heap[at] = heap[parent]
    at = parent
  }
  heap[at] = item
}

function popLargest(heap: Hypothesis[]): Hypothesis {
  const top = heap[0]
  const item = heap.pop()!
  const size = heap.length
  if (size === 0) return top
  let at = 0
  while (2 * at + 2 < size) {
    let child = 2 * at + 2
    if (heap[child].fx < heap[child - 1].fx) child--
    heap[at] = heap[child]
    at = child
  }
  if (2 * at + 2 === size) {
    heap[at] = heap[size - 1]
    at = size - 1
  }
  rise(heap, at, item)
  return top
}
