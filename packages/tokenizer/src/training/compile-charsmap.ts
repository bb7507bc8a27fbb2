/** Compiles normalisation rules into SentencePiece's `precompiled_charsmap`. */
import { TokenizerError } from '../tokenizer-error.ts'
import type { NormalizationRules } from './normalization-rules.ts'

/** SentencePiece finds at most this many rules at one position, each a prefix of the next. */
const MAX_NESTED = 32
/** Slots of a block, which share their high bits: `base ^ label` with an 8-bit label stays in the block of `base`. */
const BLOCK = 256
/** Longest source text of a rule, in UTF-16 units. */
const MAX_LENGTH = 256
/** Number of blocks at the end that are searched for free slots. */
const OPEN_BLOCKS = 16
/** Offsets between units are stored in 21 bits. */
const MAX_SLOTS = 1 << 21

/**
 * Compiles rules into the format of a model's `precompiled_charsmap`: the size in bytes of a trie over UTF-8 (u32), the
 * trie as a double array in the layout of Darts-clone, and the replacements, each terminated by a NUL. Equal subtrees
 * are stored once.
 * @returns the blob; empty where there are no rules
 * @throws TokenizerError where a rule is empty or too long, has a NUL or a lone surrogate, or is a prefix of too many
 * @see https://github.com/s-yata/darts-clone for the layout; Daciuk et al. 2000 for the minimal automaton
 */
export function compileCharsmap(rules: NormalizationRules): Uint8Array {
  if (rules.size === 0) return new Uint8Array(0)
  const encoder = new TextEncoder()
  const at = new Map<string, number>()
  const texts: Uint8Array[] = []
  let textBytes = 0
  const keys: { bytes: Uint8Array; value: number }[] = []
  for (const [text, replacement] of rules) {
    if (text.length > MAX_LENGTH) {
      throw new TokenizerError(
        `train: a normalization rule is for ${text.length} units of text; ${MAX_LENGTH} are allowed`,
        { option: 'normalization' },
      )
    }
    if (text === '' || /[\0\p{Cs}]/u.test(text) || /[\0\p{Cs}]/u.test(replacement)) {
      const shown = `${JSON.stringify(text)} to ${JSON.stringify(replacement)}`
      throw new TokenizerError(`train: the normalization rule ${shown} is empty or has a NUL or a lone surrogate`, {
        option: 'normalization',
      })
    }
    let value = at.get(replacement)
    if (value === undefined) {
      value = textBytes
      at.set(replacement, value)
      texts.push(encoder.encode(`${replacement}\0`))
      textBytes += texts[texts.length - 1].length
    }
    keys.push({ bytes: encoder.encode(text), value })
  }
  keys.sort((a, b) => compareBytes(a.bytes, b.bytes))
  const units = placeStates(minimalStates(keys))
  const blob = new Uint8Array(4 + units.length * 4 + textBytes)
  const view = new DataView(blob.buffer)
  view.setUint32(0, units.length * 4, true)
  for (let i = 0; i < units.length; i++) view.setUint32(4 + 4 * i, units[i], true)
  let end = 4 + units.length * 4
  for (const text of texts) {
    blob.set(text, end)
    end += text.length
  }
  return blob
}

/** A state of the automaton: the value of the rule that ends in it (-1: none) and its transitions by byte. */
type State = { value: number; labels: number[]; next: State[] }

function minimalStates(keys: { bytes: Uint8Array; value: number }[]): State {
  const ids = new Map<State, number>()
  const known = new Map<string, State>()
  const build = (from: number, to: number, depth: number, nested: number): State => {
    const state: State = { value: -1, labels: [], next: [] }
    let at = from
    if (keys[at].bytes.length === depth) {
      state.value = keys[at++].value
      if (nested + 1 >= MAX_NESTED) {
        throw new TokenizerError(`train: ${MAX_NESTED} or more normalization rules begin with one another`, {
          option: 'normalization',
        })
      }
    }
    while (at < to) {
      const label = keys[at].bytes[depth]
      let end = at + 1
      while (end < to && keys[end].bytes[depth] === label) end++
      state.labels.push(label)
      state.next.push(build(at, end, depth + 1, state.value >= 0 ? nested + 1 : nested))
      at = end
    }
    const signature = `${state.value};${state.labels.map((label, k) => `${label}:${ids.get(state.next[k])}`)}`
    const same = known.get(signature)
    if (same) return same
    ids.set(state, ids.size)
    known.set(signature, state)
    return state
  }
  return build(0, keys.length, 0, 0)
}

/**
 * Assigns every state a base of its own; the unit of its child by byte b is at `base ^ b`, that of its value at `base`.
 * A unit holds its byte, whether the child has a value, and the XOR of its own index and the base of the child.
 */
function placeStates(root: State): Uint32Array {
  let units = new Uint32Array(BLOCK * 64)
  let used = new Uint8Array(units.length)
  let isBase = new Uint8Array(units.length)
  let blocks = 0
  const addBlock = () => {
    blocks++
    if (blocks * BLOCK > MAX_SLOTS)
      throw new TokenizerError('train: there are too many normalization rules', { option: 'normalization' })
    if (blocks * BLOCK <= units.length) return
    units = grown(units, new Uint32Array(units.length * 2))
    used = grown(used, new Uint8Array(units.length))
    isBase = grown(isBase, new Uint8Array(units.length))
  }
  const findBase = (labels: number[]): number => {
    const first = labels[0]
    for (let block = Math.max(0, blocks - OPEN_BLOCKS); ; block++) {
      if (block === blocks) addBlock()
      for (let low = 0; low < BLOCK; low++) {
        const base = block * BLOCK + low
        if (isBase[base] === 1 || used[base ^ first] === 1) continue
        let free = true
        for (let k = 1; free && k < labels.length; k++) free = used[base ^ labels[k]] === 0
        if (free) return base
      }
    }
  }
  const baseOf = new Map<State, number>()
  const place = (state: State): number => {
    const known = baseOf.get(state)
    if (known !== undefined) return known
    const labels = state.value >= 0 ? [0, ...state.labels] : state.labels
    const base = findBase(labels)
    isBase[base] = 1
    baseOf.set(state, base)
    for (const label of labels) used[base ^ label] = 1
    if (state.value >= 0) units[base] = (0x80000000 | state.value) >>> 0
    for (let k = 0; k < state.next.length; k++) {
      const at = base ^ state.labels[k]
      const next = place(state.next[k])
      units[at] = (state.labels[k] | (state.next[k].value >= 0 ? 0x100 : 0) | ((at ^ next) << 10)) >>> 0
    }
    return base
  }
  addBlock()
  used[0] = 1
  units[0] = (place(root) << 10) >>> 0
  // A free slot must match no transition: it gets the byte that leads to it from an index that is no state's base.
  for (let block = 0; block < blocks; block++) {
    let free = block * BLOCK
    while (free < (block + 1) * BLOCK - 1 && isBase[free] === 1) free++
    for (let i = block * BLOCK; i < (block + 1) * BLOCK; i++) if (used[i] === 0) units[i] = (i ^ free) & 0xff
  }
  return units.slice(0, blocks * BLOCK)
}

function grown<T extends Uint8Array | Uint32Array>(from: T, to: T): T {
  to.set(from)
  return to
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i] - b[i]
  return a.length - b.length
}
