/** Tokenizers of every kind against vectors of `tokenizers`. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { loadHuggingFaceTokenizer } from '../src/huggingface.ts'

type Case = {
  text: string
  ids: number[]
  tokens: string[]
  offsets: [number, number][]
  with_special: number[]
  decoded: string
  decoded_skip: string
}

const folder = new URL('../vectors/hf/', import.meta.url)
const read = (name: string) => readFileSync(new URL(name, folder), 'utf8')

describe.each(['gpt2', 'llama3', 'qwen2', 'llama2', 'metaspace', 'llmjp', 'xlmr'])(
  '%s, made by tokenizers itself',
  (name) => {
    const tokenizer = loadHuggingFaceTokenizer(read(`${name}.tokenizer.json`))
    const { cases } = JSON.parse(read(`${name}.golden.json`)) as { cases: Case[] }

    test('ids, tokens, offsets and special tokens', () => {
      for (const { text, ids, tokens, offsets, with_special } of cases) {
        const label = JSON.stringify(text)
        const encoding = tokenizer.encodeWithOffsets(text, { special: 'all', unit: 'codePoint' })
        expect({ ...encoding, ids: [...encoding.ids] }, label).toEqual({ ids, pieces: tokens, offsets })
        expect([...tokenizer.encode(text, { special: 'all', addSpecialTokens: true })], label).toEqual(with_special)
        expect([...tokenizer.encode(new TextEncoder().encode(text), { special: 'all' })], label).toEqual(ids)
      }
    })

    test('decoding, at once and as a stream', () => {
      for (const { ids, decoded, decoded_skip } of cases) {
        expect(tokenizer.decode(ids)).toBe(decoded)
        expect(tokenizer.decode(ids, { skipSpecialTokens: true })).toBe(decoded_skip)
        const stream = tokenizer.decodeStream()
        const parts = ids.map((id) => stream.push(id))
        for (const part of parts) if (!decoded.includes('\ufffd')) expect(part).not.toContain('\ufffd')
        expect(parts.join('') + stream.end()).toBe(decoded)
      }
    })

    test('text that looks like a special token stays text unless allowed', () => {
      const special = tokenizer.specialTokens().find((token) => token !== '<unk>')!
      const id = tokenizer.tokenToId(special)
      expect([...tokenizer.encode(`a ${special} b`)]).not.toContain(id)
      expect([...tokenizer.encode(`a ${special} b`, { special: [special] })]).toContain(id)
      expect([...tokenizer.encode(`a ${special} b`, { special: ['<another>'] })]).not.toContain(id)
    })
  },
)
