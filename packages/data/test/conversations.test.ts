/** Conversations read from JSON lines, and packed with the loss on answers only. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fitDocuments, packedBatches, parseConversation } from '../src/index.ts'
import { conversationStream } from '../src/node.ts'

const user = { role: 'user', content: 'q' }
const answer = { role: 'assistant', content: 'a' }

describe('a line', () => {
  test('messages, parts of text, tool calls, prompt and completion', () => {
    expect(parseConversation({ messages: [user, answer] })).toEqual({ messages: [user, answer] })
    const call = { id: 'c1', type: 'function', function: { name: 'f', arguments: '{"x":1}' } }
    const tools = [{ type: 'function', function: { name: 'f' } }]
    expect(
      parseConversation({
        messages: [
          {
            role: 'user',
            content: [
              { type: 'text', text: 'one' },
              { type: 'text', text: 'two' },
            ],
          },
          { role: 'assistant', content: null, tool_calls: [call], weight: 0 },
          { role: 'tool', tool_call_id: 'c1', content: '2' },
          { role: 'assistant', content: 'two', weight: 1 },
        ],
        tools,
      }),
    ).toEqual({
      messages: [
        { role: 'user', content: 'one\ntwo' },
        { role: 'assistant', content: '', tool_calls: [call], weight: 0 },
        { role: 'tool', tool_call_id: 'c1', content: '2' },
        { role: 'assistant', content: 'two', weight: 1 },
      ],
      tools,
    })
    expect(parseConversation({ prompt: 'p', completion: 'c' }).messages).toEqual([
      { role: 'user', content: 'p' },
      { role: 'assistant', content: 'c' },
    ])
    expect(parseConversation({ prompt: [user], completion: [answer] }).messages).toEqual([user, answer])
  })

  test.each<[string, unknown, RegExp]>([
    ['neither', { text: 'x' }, /unknown field "text"; known are messages/],
    ['nothing', {}, /neither "messages" nor "prompt"/],
    ['both', { messages: [user, answer], prompt: '' }, /only one of the two forms/],
    ['a list', [], /the line must be an object, got \[\]/],
    ['empty', { messages: [] }, /messages is an empty list/],
    ['no answer', { messages: [user] }, /nothing to train on/],
    ['weights of 0', { messages: [user, { ...answer, weight: 0 }] }, /nothing to train on/],
    [
      'a role',
      { messages: [{ role: 'gpt', content: '' }] },
      /messages\[0\]\.role must be one of .*got "gpt"; use assistant for gpt/,
    ],
    [
      'a field',
      { messages: [{ role: 'user', contents: '' }] },
      /messages\[0\] has an unknown field "contents"; did you mean content\?/,
    ],
    ['content', { messages: [user, { role: 'assistant', content: 3 }] }, /messages\[1\]\.content must be text/],
    [
      'an image',
      { messages: [{ role: 'user', content: [{ type: 'image_url' }] }] },
      /content\[0\]\.type is "image_url"/,
    ],
    ['a weight', { messages: [{ ...answer, weight: 0.5 }] }, /weight must be 0 or 1, got 0.5/],
    [
      'a weight of a question',
      { messages: [{ ...user, weight: 0 }] },
      /assistant messages only; this has the role user/,
    ],
    ['calls of a user', { messages: [{ ...user, tool_calls: [] }] }, /assistant messages only/],
    [
      'a call',
      { messages: [{ role: 'assistant', tool_calls: [{ function: { name: '' } }] }] },
      /tool_calls\[0\]\.function\.name/,
    ],
  ])('refused: %s', (_, line, message) => {
    expect(() => parseConversation(line)).toThrow(message)
  })
})

describe('files', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kumiki-conversations-'))
  })
  afterAll(() => rm(folder, { recursive: true }))
  const read = async (text: string) => {
    await writeFile(join(folder, 'chat.jsonl'), text)
    const all = []
    for await (const conversation of conversationStream([folder], { maxLineBytes: 1000 })) all.push(conversation)
    return all
  }
  const line = JSON.stringify({ messages: [user, answer] })

  test('lines are read, and named where they are wrong', async () => {
    expect(await read(`${line}\n\n${line}\r\n`)).toMatchObject([
      { where: `${join(folder, 'chat.jsonl')}:1` },
      { where: `${join(folder, 'chat.jsonl')}:3` },
    ])
    await expect(read(`${line}\n{"messages"`)).rejects.toThrow(/chat\.jsonl:2: it is not JSON/)
    await expect(read(`${line}\n{"messages":[]}`)).rejects.toThrow(/chat\.jsonl:2: messages is an empty list/)
    await expect(read('\n')).rejects.toThrow(/has no conversations/)
    await expect(read(`"${'x'.repeat(2000)}"`)).rejects.toThrow(/chat\.jsonl/)
    await expect(conversationStream([join(folder, 'none.jsonl')]).next()).rejects.toThrow(/no such file/)
  })
})

describe('batches', () => {
  const doc = (length: number, from: number, base = 0) => ({
    ids: Array.from({ length }, (_, i) => base + i),
    mask: Array.from({ length }, (_, i) => (i >= from ? 1 : 0)),
  })

  test('targets are the answers, each document sees itself, and every one comes once a pass', () => {
    const documents = [doc(5, 3, 10), doc(3, 1, 20), doc(6, 4, 30), doc(2, 1, 40)]
    const data = packedBatches({ documents, sequenceLength: 8, batchSize: 1, padId: 7, seed: 3 })
    expect(data.sequencesPerEpoch).toBe(2)
    const learnt: number[] = []
    for (let k = 0; k < 2; k++) {
      const { inputs, targets, documents: numbers } = data.next().value!
      targets.forEach((target, i) => {
        if (target < 0) return
        learnt.push(target)
        expect(target).toBe(inputs[i] + 1)
        expect(numbers[i + 1]).toBe(numbers[i])
        expect(inputs[i + 1]).toBe(target)
      })
      expect([...numbers].map((number) => number === 0)).toEqual([...inputs].map((id) => id === 7))
    }
    expect(learnt.sort((a, b) => a - b)).toEqual([13, 14, 21, 22, 34, 35, 41])
    expect(data.targetsPerEpoch).toBe(7)
    expect(data.state()).toMatchObject({ epoch: 1, sequence: 0 })
  })

  test('a state brings back the same batches, and fits its own documents alone', () => {
    const documents = Array.from({ length: 20 }, (_, i) => doc(4 + (i % 3), 1, 10 * i))
    const make = (more = {}) => packedBatches({ documents, sequenceLength: 12, batchSize: 3, seed: 1, ...more })
    const [data, other] = [make(), make()]
    for (let k = 0; k < 5; k++) data.next()
    const state = JSON.parse(JSON.stringify(data.state()))
    other.restore(state)
    for (let k = 0; k < 9; k++) expect(other.next()).toEqual(data.next())
    expect(() => make({ seed: 2 }).restore(state)).toThrow(/seed 1/)
    expect(() => make({ sequenceLength: 13 }).restore(state)).toThrow(/other documents, masks/)
    const masked = documents.map(({ ids }) => ({ ids, mask: ids.map(() => 1) }))
    masked[0].mask[1] = 0
    expect(() => make({ documents: masked }).restore(state)).toThrow(/other documents, masks/)
    expect(() => make().restore({ version: 1 } as never)).toThrow(/the state is not one of PackedBatchIterator/)
  })

  test('what is too long is cut, left out or refused, and counted', () => {
    const documents = [doc(5, 2), doc(12, 4), doc(12, 9), doc(3, 3)]
    expect(fitDocuments(documents, 8, 'truncate')).toMatchObject({ truncated: 1, dropped: 2 })
    expect(fitDocuments(documents, 8, 'truncate').documents.map(({ ids }) => ids.length)).toEqual([5, 8])
    expect(fitDocuments(documents, 8, 'drop')).toMatchObject({ truncated: 0, dropped: 3 })
    expect(() => fitDocuments(documents, 8, 'refuse', (i) => `chat.jsonl:${i + 1}`)).toThrow(
      /^chat\.jsonl:2 has 12 tokens, a sequence holds 8/,
    )
    expect(() => packedBatches({ documents, sequenceLength: 8, batchSize: 1 })).toThrow(/2 documents are longer/)
    expect(() => packedBatches({ documents: [doc(3, 3)], sequenceLength: 8, batchSize: 1 })).toThrow(
      /no token is a target/,
    )
  })
})
