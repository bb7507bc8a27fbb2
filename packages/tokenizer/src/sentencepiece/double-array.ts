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
}

/**
 * Builds the trie of the keys `codes[starts[k] .. starts[k + 1])`, key k with the value k; of equal keys the first
 * wins. Each free slot is tried once for nodes of about one width, so that time and memory are bounded for any keys.
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
    const larger = Math.max(size, base.length * 2)
    const copy = (from: Int32Array, fill: number) => {
      const to = new Int32Array(larger)
      to.set(from)
      if (fill !== 0) to.fill(fill, from.length)
      return to
    }
    base = copy(base, 0)
    check = copy(check, -1)
    value = copy(value, -1)
    nextFree = copy(nextFree, 0)
    for (let i = linked; i < larger; i++) nextFree[i] = i + 1
    linked = larger
  }
  // Free slots above the root's children, as a singly linked list; used slots are unlinked while it is walked.
  let nextFree = new Int32Array(capacity)
  for (let i = 0; i < capacity; i++) nextFree[i] = i + 1
  let linked = capacity
  let top = maxCode + 1
  // By floor(log2(number of children)): where the last such node was placed. The next is searched from there, so that
  // no slot is tried twice for nodes of about one width.
  const tried = new Int32Array(32).fill(top)
  const slotOf = new Int32Array(nodes)
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
      grow(top + maxCode + 2)
      const width = 31 - Math.clz32(to - from)
      let slot = tried[width]
      for (;;) {
        offset = slot - smallest
        grow(offset + largest + 1)
        let free = true
        for (let i = from; free && i < to; i++) free = check[offset + code[children[i]]] === -1
        if (free) break
        let following = nextFree[slot]
        while (following < top && check[following] !== -1) following = nextFree[following]
        nextFree[slot] = following
        slot = following
      }
      tried[width] = slot
      if (offset + largest >= top) top = offset + largest + 1
    }
    base[at] = offset
    for (let i = from; i < to; i++) {
      const child = children[i]
      const slot = offset + code[child]
      check[slot] = at
      value[slot] = tree.value[child]
      slotOf[child] = slot
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
  }
}
