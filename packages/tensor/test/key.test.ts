/** Cache keys of values: equal exactly if the values are indistinguishable. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { identityOf, keyOf } from '../src/graph/key.ts'

/** Whether nothing tells two plain values apart: the meaning keyOf is held against. */
function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b) || a.constructor !== b.constructor) return false
  if (ArrayBuffer.isView(a) || Array.isArray(a)) {
    const [x, y] = [a, b] as unknown as ArrayLike<unknown>[]
    return x.length === y.length && Array.from(x).every((item, i) => i in x === i in y && same(item, y[i]))
  }
  const [x, y] = [a, b] as Record<string, unknown>[]
  const keys = Object.keys(x)
  return keys.length === Object.keys(y).length && keys.every((k) => k in y && same(x[k], y[k]))
}

const numbers = fc.oneof(
  fc.double(),
  fc.constantFrom(0, -0, 1, NaN, Infinity, -Infinity, Number.MIN_VALUE, 2 ** 53),
  fc.integer(),
)
// Few words, among them those that would collide in keys glued together.
const strings = fc.oneof(
  fc.constantFrom('', 'a', '|', 'a|b', 'b', '"', ',', '1', 'null', '@1', 'NaN', '[]'),
  fc.string(),
)
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    numbers,
    strings,
    fc.constantFrom(null, undefined, true, false),
    fc.bigInt({ min: -3n, max: 3n }),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.array(numbers, { maxLength: 3 }).map((list) => Float32Array.from(list)),
    fc.array(numbers, { maxLength: 3 }).map((list) => Float64Array.from(list)),
    fc.dictionary(fc.constantFrom('a', 'b', 'a,b', ':'), tie('value'), { maxKeys: 3, noNullPrototype: true }),
  ),
}))

describe('keyOf', () => {
  test('is equal for two values exactly if nothing tells them apart', () => {
    fc.assert(
      fc.property(value, value, (a, b) => {
        expect(keyOf(a) === keyOf(b)).toBe(same(a, b))
        expect(keyOf([a, b])).toBe(keyOf([structuredClone(a), structuredClone(b)]))
      }),
      { numRuns: 2000, seed: 1 },
    )
  })

  test('tells apart what JSON does not', () => {
    const apart = [
      NaN,
      Infinity,
      -Infinity,
      0,
      -0,
      null,
      undefined,
      'NaN',
      'null',
      [],
      {},
      [undefined],
      new Array(1),
      [null],
      1n,
      1,
      '1',
    ]
    const apartKeys = new Set(apart.map(keyOf))
    expect(apartKeys.size).toBe(apart.length)
    expect(keyOf({ a: 1, b: 2 })).toBe(keyOf({ b: 2, a: 1 }))
  })

  test('takes functions, symbols, Maps and instances by identity', () => {
    const make = () => () => 1
    const [f, g] = [make(), make()]
    expect(keyOf({ f })).toBe(keyOf({ f }))
    expect(keyOf({ f })).not.toBe(keyOf({ f: g }))
    expect(keyOf(new Map([[1, 2]]))).not.toBe(keyOf(new Map([[1, 2]])))
    class Box {
      x = 1
    }
    expect(keyOf(new Box())).not.toBe(keyOf(new Box()))
    const [s, t] = [Symbol('s'), Symbol('s')]
    expect(keyOf(s)).toBe(keyOf(s))
    expect(keyOf(s)).not.toBe(keyOf(t))
    expect(identityOf(f)).not.toBe(identityOf(g))
  })

  test('refuses an object that contains itself', () => {
    const a: unknown[] = []
    a.push({ a })
    expect(() => keyOf(a)).toThrow(/contains itself/)
  })
})
