/** Batches of documents: targets, order, epochs, saved state, and errors of wrong input. */
import { describe, expect, it } from 'vitest'
import { type Batch, batches } from '../src/batches/batches.ts'
import { packEvaluation } from '../src/batches/evaluation.ts'

const eosId = 0
/** Documents whose tokens say where they are from: 100 d + i + 1. */
const documents = Array.from({ length: 37 }, (_, d) => Array.from({ length: (d * 7) % 23 }, (_, i) => 100 * d + i + 1))
const filled = documents.filter((document) => document.length > 0)
const total = filled.reduce((sum, document) => sum + document.length + 1, 0)
const options = { documents, sequenceLength: 8, batchSize: 4, eosId, seed: 7 }

function take(iterator: Iterator<Batch>, count: number): Batch[] {
  return Array.from({ length: count }, () => iterator.next().value as Batch)
}

describe('batches', () => {
  it('moves targets on by one and keeps documents whole', () => {
    const data = batches({ ...options, epochs: 1 })
    expect(data.tokensPerEpoch).toBe(total)
    expect(data.sequencesPerEpoch).toBe(Math.floor((total - 1) / 8))
    const all = [...data]
    expect(all).toHaveLength(Math.floor(data.sequencesPerEpoch / 4))
    for (const { inputs, targets, batchSize, sequenceLength } of all) {
      expect(inputs).toHaveLength(batchSize * sequenceLength)
      for (let i = 0; i < inputs.length; i++) {
        if ((i + 1) % sequenceLength !== 0) expect(targets[i]).toBe(inputs[i + 1])
        const after = inputs[i] === eosId ? filled.map((document) => document[0]) : [inputs[i] + 1, eosId]
        expect(after).toContain(targets[i])
      }
    }
  })

  it('shows every token but the tail once an epoch, as a target', () => {
    const data = batches({ ...options, batchSize: 1 })
    for (let epoch = 0; epoch < 3; epoch++) {
      const seen = take(data, data.sequencesPerEpoch).flatMap(({ targets }) => [...targets])
      expect(data.state().epoch).toBe(epoch + 1)
      const words = seen.filter((id) => id !== eosId)
      expect(new Set(words).size).toBe(words.length)
      expect(seen.length).toBe(data.sequencesPerEpoch * 8)
      expect(total - seen.length).toBeLessThanOrEqual(8)
    }
  })

  it('depends on seed and epoch, and on nothing else', () => {
    const first = take(batches(options), 40)
    expect(take(batches(options), 40)).toEqual(first)
    expect(take(batches({ ...options, seed: 8 }), 40)).not.toEqual(first)
    const single = batches({ ...options, batchSize: 1 })
    const one = take(single, single.sequencesPerEpoch)
    expect(take(single, single.sequencesPerEpoch)).not.toEqual(one)
    // A fixed order: a change here breaks every saved state.
    expect([...first[0].inputs.subarray(0, 8)]).toMatchInlineSnapshot(`
      [
        3607,
        3608,
        3609,
        3610,
        3611,
        3612,
        3613,
        3614,
      ]
    `)
  })

  it('goes on exactly where a state was taken, across epochs', () => {
    const data = batches(options)
    const states = []
    const all: Batch[] = []
    for (let i = 0; i < 60; i++) {
      states.push(JSON.parse(JSON.stringify(data.state())))
      all.push(data.next().value as Batch)
    }
    expect(states[59].epoch).toBeGreaterThan(2)
    for (const at of [0, 1, 12, 13, 30, 58]) {
      const other = batches(options)
      take(other, 5)
      other.restore(states[at])
      expect(other.state()).toEqual(states[at])
      expect(take(other, 60 - at)).toEqual(all.slice(at))
    }
  })

  it('refuses states of something else and stays where it is', () => {
    const data = batches(options)
    take(data, 3)
    const state = data.state()
    const changed = documents.with(5, [...documents[5].slice(1), 9])
    expect(() => batches({ ...options, documents: changed }).restore(state)).toThrow(/other documents, eosId or/)
    expect(() => batches({ ...options, sequenceLength: 9 }).restore(state)).toThrow(/other documents, eosId or/)
    expect(() => batches({ ...options, seed: 1 }).restore(state)).toThrow(/of seed 7, the iterator has seed 1/)
    expect(() => data.restore({ ...state, sequence: 1e9 })).toThrow(/sequence must be an integer from 0 to/)
    expect(() => data.restore({ ...state, epoch: -1 })).toThrow(/epoch must be/)
    expect(() => data.restore(null as never)).toThrow(/the state is not one of/)
    expect(data.state()).toEqual(state)
  })

  it('shuffles one long document too', () => {
    const long = [Array.from({ length: 1000 }, (_, i) => i + 1)]
    const data = batches({ documents: long, sequenceLength: 10, batchSize: 10, eosId })
    const starts = [...take(data, 1)[0].inputs].filter((_, i) => i % 10 === 0)
    expect(starts).not.toEqual([...starts].sort((a, b) => a - b))
  })

  it('does not close a document twice', () => {
    const data = batches({ documents: [[1, 2, eosId], [3]], sequenceLength: 2, batchSize: 1, eosId })
    expect(data.tokensPerEpoch).toBe(5)
  })

  it('names what is wrong', () => {
    expect(() => batches({ ...options, documents: [[1, 2]] })).toThrow(
      /takes sequenceLength \+ 1 = 9 tokens, but the documents hold 3 \(with eos\)/,
    )
    expect(() => batches({ ...options, documents: [[1], [2, -3]] })).toThrow(/token 1 of document 1 .* got -3/)
    expect(() => batches({ ...options, sequenceLength: 0 })).toThrow(/sequenceLength must be an integer from 1/)
    expect(() => batches({ ...options, batchSize: Number.NaN })).toThrow(/batchSize/)
    expect(() => batches({ ...options, eosId: -1 })).toThrow(/eosId/)
    expect(() => batches({ ...options, seed: 0.5 })).toThrow(/seed/)
    expect(() => batches({ ...options, epochs: 0 })).toThrow(/epochs/)
    expect(() => batches({ ...options, sequenceLength: 2 ** 20, batchSize: 2 ** 20 })).toThrow(/at most 2\^28/)
  })
})

describe('packEvaluation', () => {
  it.each(['stream', 'document'] as const)('covers every token once: %s', (layout) => {
    const set = packEvaluation(documents, 8, { eosId, layout })
    expect(set.inputs).toHaveLength(set.sequences * 8)
    expect(set.tokens).toBe(total)
    const targets = [...set.targets].filter((id) => id !== -1)
    expect(targets).toEqual(filled.flatMap((document) => [...document, eosId]))
    for (let i = 0; i < set.targets.length; i++) {
      if (set.targets[i] === -1) continue
      // The input is the token before: the eos before a first token.
      const before = set.targets[i] === eosId ? null : set.targets[i] - 1
      if (before !== null) expect(set.inputs[i]).toBe(before % 100 === 0 ? eosId : before)
    }
    if (layout === 'document') {
      expect(set.sequences).toBe(filled.reduce((sum, { length }) => sum + Math.ceil((length + 1) / 8), 0))
    } else {
      expect(set.sequences).toBe(Math.ceil(total / 8))
    }
  })

  it('names what is wrong', () => {
    expect(() => packEvaluation([[]], 8, { eosId })).toThrow(/no token to predict/)
    expect(() => packEvaluation([[1]], 0, { eosId })).toThrow(/sequenceLength/)
  })
})
