/** Segmentation of text into runs that Unicode normalisation treats independently. */

/** Characters that compose with a preceding one although they are not marks, such as the vowels of Hangul. */
let seconds: Set<string> | undefined

/**
 * Derived from the runtime's Unicode data: all characters after the first one in any canonical decomposition. Code
 * points are normalised in blocks, separated by line feeds, with which nothing combines.
 */
function secondCharacters(): Set<string> {
  if (seconds) return seconds
  seconds = new Set()
  for (let block = 0; block < 0x110000; block += 0x1000) {
    let all = ''
    for (let point = block; point < block + 0x1000; point++)
      if (point < 0xd800 || point > 0xdfff) all += `${String.fromCodePoint(point)}\n`
    const decomposed = all.normalize('NFD')
    if (decomposed.length === all.length) continue
    for (const one of decomposed.split('\n')) for (const second of Array.from(one).slice(1)) seconds.add(second)
  }
  return seconds
}

const MARK = /\p{M}/u

/**
 * The runs of a text that can be normalised independently: a character with all that may combine with it or be
 * reordered.
 */
export function* combiningRuns(text: string, decomposition: 'NFD' | 'NFKD'): Generator<[from: number, to: number]> {
  const combining = secondCharacters()
  const known = new Map<string, boolean>()
  const continues = (character: string): boolean => {
    let answer = known.get(character)
    if (answer === undefined) {
      const first = String.fromCodePoint(character.normalize(decomposition).codePointAt(0)!)
      answer = MARK.test(first) || combining.has(first)
      known.set(character, answer)
    }
    return answer
  }
  let from = 0
  for (let at = 0; at < text.length; ) {
    const character = String.fromCodePoint(text.codePointAt(at)!)
    if (at > from && !continues(character)) {
      yield [from, at]
      from = at
    }
    at += character.length
  }
  if (from < text.length) yield [from, text.length]
}
