/** The bytes of byte-level tokens. */
import { expect, test } from 'vitest'
import {
  byteAlphabet,
  bytesOfTokens,
  fromByteAlphabet,
  toByteAlphabet,
  toByteAlphabetFromBytes,
} from '../src/huggingface/byte-alphabet.ts'

test('the bytes of many tokens are those of each, also where a token is not of the alphabet', () => {
  const all = byteAlphabet.join('')
  const lists = [
    [],
    [''],
    [all, 'Ġword', all],
    ['木', '木を組む', 'a'],
    ['ab', '木\ud800', 'Ġ', '😀木', all, 'a 木'],
    Array.from({ length: 500 }, (_, i) => String.fromCharCode(i)),
    Array.from({ length: 50 }, () => '木木'),
  ]
  for (const tokens of lists)
    expect([...bytesOfTokens(tokens)]).toEqual(tokens.flatMap((token) => [...fromByteAlphabet(token)]))
})

test('a text in the alphabet is its UTF-8, of every character and of lone surrogates', () => {
  const encoder = new TextEncoder()
  const sameAsEncoded = (text: string) =>
    expect(toByteAlphabet(text)).toBe(toByteAlphabetFromBytes(encoder.encode(text)))
  for (let point = 0; point < 0x110000; point += 0x400)
    sameAsEncoded(Array.from({ length: 0x400 }, (_, k) => String.fromCodePoint(point + k)).join(''))
  for (const unit of ['\ud800', '\udbff', '\udc00', '\udfff'])
    for (const text of [unit, `a${unit}`, `${unit}a`, `木${unit}木`, `😀${unit}😀`, unit + unit, ' word', 'word'])
      sameAsEncoded(text)
})
