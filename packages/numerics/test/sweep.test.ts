/** A part of the full sweep (sweep.ts): one slice of 2^28 patterns per format, and 2^22 patterns on the adapter. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodeWords } from '../src/index.ts'
import { type Adapter, openAdapter } from './adapter.ts'
import { encodeOnAdapter, expectedHash, sliceOnCpu, sweptModes, trainedFormats } from './sweep.ts'

let adapter: Adapter

beforeAll(async () => {
  adapter = await openAdapter()
})

afterAll(() => adapter?.close())

describe.each(trainedFormats.flatMap((f) => sweptModes(f).map((mode) => [f, mode] as const)))(
  '%s, %s',
  (format, mode) => {
    const saturate = mode === 'saturate'

    test('2^28 values from 2^-31 to 2', () => {
      expect(sliceOnCpu(format, saturate, 3)).toBe(expectedHash(format, mode, 3))
    })

    test('2^22 values around 256 and around -2^-9 on the adapter', async () => {
      for (const start of [0x43700000, 0xbaf00000]) {
        const bits = Uint32Array.from({ length: 2 ** 21 }, (_, i) => start + i)
        const wanted = encodeWords(format, new Float32Array(bits.buffer), undefined, { saturate })
        const actual = await encodeOnAdapter(adapter, format, saturate, start, bits.length)
        expect(Buffer.compare(Buffer.from(actual.buffer), Buffer.from(wanted.buffer))).toBe(0)
      }
    })
  },
)
