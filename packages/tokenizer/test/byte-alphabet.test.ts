/** The bytes of byte-level tokens. */
import { expect, test } from 'vitest'
import { byteAlphabet, bytesOfTokens, fromByteAlphabet } from '../src/huggingface/byte-alphabet.ts'

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
