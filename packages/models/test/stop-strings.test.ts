/** Stop strings in text that arrives in pieces. */
import { expect, test } from 'vitest'
import { StopStrings } from '../src/generate/stop-strings.ts'

/** Pieces through the filter: [what came out of each, what was left at the end]. */
function through(stops: string[], pieces: string[]): [string[], string, boolean] {
  const filter = new StopStrings(stops)
  return [pieces.map((piece) => filter.push(piece)), filter.end(), filter.found]
}

test('text ends before the first stop string, across pieces too', () => {
  expect(through(['END'], ['one EN', 'D two', ' three'])).toEqual([['one ', '', ''], '', true])
  expect(through(['b', 'ab'], ['xab'])).toEqual([['x'], '', true])
})

test('what only begins like a stop string comes out as soon as it cannot be one', () => {
  expect(through(['END'], ['one E', 'N', 'd'])).toEqual([['one ', '', 'ENd'], '', false])
  expect(through(['END'], ['one EN'])).toEqual([['one '], 'EN', false])
  expect(through(['\n\n'], ['a\n', 'b\n', '\nc'])).toEqual([['a', '\nb', ''], '', true])
  expect(through([''], ['a'])).toEqual([['a'], '', false])
})

test('however a text is cut, the result is that of the whole', () => {
  const text = 'aababcabcab'
  for (const stop of ['abc', 'aba', 'caca', 'b']) {
    const at = text.indexOf(stop)
    for (let i = 0; i <= text.length; i++)
      for (let j = i; j <= text.length; j++) {
        const [out, rest] = through([stop], [text.slice(0, i), text.slice(i, j), text.slice(j)])
        expect(out.join('') + rest).toBe(at < 0 ? text : text.slice(0, at))
      }
  }
})
