/** Parts of the full sweep (sweep.ts): 2^25 bit patterns per format on the CPU, and 2^21 on the adapter. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodeWords } from '../src/index.ts'
import { type Adapter, openAdapter } from './adapter.ts'
import { encodeOnAdapter, expectedSamples, samplesOnCpu, sweptFormats, sweptModes } from './sweep.ts'

let adapter: Adapter

beforeAll(async () => {
  adapter = await openAdapter()
})

afterAll(() => adapter?.close())

describe.each(sweptFormats.flatMap((f) => sweptModes(f).map((mode) => [f, mode] as const)))(
  '%s, %s',
  (format, mode) => {
    const saturate = mode === 'saturate'

    test('2^25 values of all exponents', () => {
      expect(samplesOnCpu(format, saturate)).toBe(expectedSamples(format, mode))
    })

    test('2^21 values around 256 and around -2^-9 on the adapter', async () => {
      for (const start of [0x43700000, 0xbaf00000]) {
        const bits = Uint32Array.from({ length: 2 ** 20 }, (_, i) => start + i)
        const wanted = encodeWords(format, new Float32Array(bits.buffer), undefined, { saturate })
        const actual = await encodeOnAdapter(adapter, format, saturate, start, bits.length)
        expect(Buffer.compare(Buffer.from(actual.buffer), Buffer.from(wanted.buffer))).toBe(0)
      }
    })
  },
)
