/**
 * A trie as a double array (Aoe 1989): the child of node `s` by code `c` is `t = base[s] + c` where `check[t] === s`.
 * Codes are small dense integers (1, 2, ...; 0 is no code and leads nowhere), so frequent characters share cache lines.
 * Node 0 is the root. `base[s] + c` is inside the arrays for every node and every code up to `maxCode`.
 * @see Aoe, "An efficient digital search algorithm by using a double-array structure", IEEE TSE 15(9), 1989
 */
export type DoubleArray = {
  base: Int32Array
  check: Int32Array
  /** The value of the key that ends at the node, or -1. */
  value: Int32Array
  maxCode: number
  /** Whether the keys had duplicates. */
  repeats: boolean
  /** Steps of the search for free slots; each tries a child at 32 slots. */
  steps: number
}

/**
 * Builds the trie of the keys `codes[starts[k] .. starts[k + 1])`, key k with the value k; of equal keys the first
 * wins. Each slot is tried once for nodes of about one number of children, 32 slots at a time, so that time and memory
 * are bounded for any keys: nodes of c to 2 c children take at most (slots / 32 + number of these nodes) * 2 c steps.
 */
export function buildDoubleArray(codes: ArrayLike<number>, starts: ArrayLike<number>, maxCode: number): DoubleArray {
  const tree = buildTree(codes, starts)
  return placeTree(tree, maxCode)
}

/** The trie as an explicit tree, the children of each node contiguous. */
type Tree = {
  nodes: number
  code: Int32Array
  value: Int32Array
  /** Children of node s: `children[firstChild[s] .. firstChild[s + 1])`. */
  firstChild: Int32Array
  children: Int32Array
  repeats: boolean
}

function buildTree(codes: ArrayLike<number>, starts: ArrayLike<number>): Tree {
  const keys = starts.length - 1
  const limit = codes.length + 1
  const parent = new Int32Array(limit)
  const code = new Int32Array(limit)
  const value = new Int32Array(limit).fill(-1)
  // Open addressing over (parent, code); a slot holds the child, 0 is free (the root is never a child).
  let bits = 4
  while (1 << bits < limit * 2) bits++
  const slots = new Int32Array(1 << bits)
  const mask = slots.length - 1
  let nodes = 1
  let repeats = false
  for (let k = 0; k < keys; k++) {
    let node = 0
    for (let i = starts[k]; i < starts[k + 1]; i++) {
      const c = codes[i]
      let h = (Math.imul(node, 0x9e3779b1) ^ Math.imul(c, 0x85ebca6b)) >>> 0
      h = (h ^ (h >>> 15)) & mask
      let child: number
      while ((child = slots[h]) !== 0 && (parent[child] !== node || code[child] !== c)) h = (h + 1) & mask
      if (child === 0) {
        child = nodes++
        slots[h] = child
        parent[child] = node
        code[child] = c
      }
      node = child
    }
    if (value[node] < 0) value[node] = k
    else repeats = true
  }
  const firstChild = new Int32Array(nodes + 1)
  for (let n = 1; n < nodes; n++) firstChild[parent[n] + 1]++
  for (let n = 0; n < nodes; n++) firstChild[n + 1] += firstChild[n]
  const next = firstChild.slice(0, nodes)
  const children = new Int32Array(nodes)
  for (let n = 1; n < nodes; n++) children[next[parent[n]]++] = n
  return { nodes, code, value, firstChild, children, repeats }
}

function placeTree(tree: Tree, maxCode: number): DoubleArray {
  const { nodes, code, firstChild, children } = tree
  const capacity = maxCode * 2 + 2 + nodes * 2
  let base = new Int32Array(capacity)
  let check = new Int32Array(capacity).fill(-1)
  let value = new Int32Array(capacity).fill(-1)
  const grow = (size: number) => {
    if (size <= base.length) return
    const before = base.length
    base = enlarged(base, size * 2)
    check = enlarged(check, size * 2).fill(-1, before)
    value = enlarged(value, size * 2).fill(-1, before)
  }
  // The set of used slots, a bit each.
  let used = new Int32Array(capacity >>> 5)
  let top = maxCode + 1
  // By floor(log2(number of children)): where the last such node was placed. The next is searched from there.
  const tried = new Int32Array(32).fill(top)
  const slotOf = new Int32Array(nodes)
  let steps = 0
  value[0] = tree.value[0]

  for (let n = 0; n < nodes; n++) {
    const from = firstChild[n]
    const to = firstChild[n + 1]
    if (from === to) continue
    const at = slotOf[n]
    let offset = 0
    if (n > 0) {
      let smallest = code[children[from]]
      let largest = smallest
      for (let i = from + 1; i < to; i++) {
        const c = code[children[i]]
        if (c < smallest) smallest = c
        if (c > largest) largest = c
      }
      const width = 31 - Math.clz32(to - from)
      for (let slot = tried[width]; ; slot += 32) {
        const words = ((slot + largest - smallest) >>> 5) + 2
        if (words > used.length) used = enlarged(used, words * 2)
        // Bit k: whether the slot of some child is used where the child with the smallest code is at slot + k.
        let taken = 0
        let i = from
        for (; i < to && taken !== -1; i++) {
          const first = slot + code[children[i]] - smallest
          const word = first >>> 5
          taken |= (used[word] >>> (first & 31)) | ((used[word + 1] << 1) << (~first & 31))
        }
        steps += i - from
        if (taken === -1) continue
        tried[width] = slot + 31 - Math.clz32(~taken & (taken + 1))
        break
      }
      offset = tried[width] - smallest
      if (offset + largest >= top) top = offset + largest + 1
      grow(top)
    }
    base[at] = offset
    for (let i = from; i < to; i++) {
      const child = children[i]
      const slot = offset + code[child]
      check[slot] = at
      value[slot] = tree.value[child]
      slotOf[child] = slot
      used[slot >>> 5] |= 1 << (slot & 31)
    }
  }
  const size = top + maxCode + 1
  grow(size)
  return {
    base: base.slice(0, size),
    check: check.slice(0, size),
    value: value.slice(0, size),
    maxCode,
    repeats: tree.repeats,
    steps,
  }
}

function enlarged(from: Int32Array, length: number): Int32Array<ArrayBuffer> {
  const to = new Int32Array(length)
  to.set(from)
  return to
}
