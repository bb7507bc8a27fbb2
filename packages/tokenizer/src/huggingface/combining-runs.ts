/** Characters that normalisation may put together with one before them though they are no marks, such as vowels of Hangul. */
let seconds: Set<string> | undefined

/**
 * Found in the runtime's own Unicode: whatever stands behind another character in a canonical decomposition. Code points are
 * normalised by the block, each between line feeds, which nothing combines with.
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

/** The parts of a text that are normalised each by itself: a character with all that may combine with it or be moved across it. */
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
