/** 8- and 16-bit formats against @kumiki/numerics, bit for bit, and matmuls of every pair of formats. */
import { decode, decodeArray, encodeArray as encode, finfo } from '@kumiki/numerics'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type DType, dtypeInfo, isPacked } from '../src/dtype.ts'
import { castStochastic, type Device, init, matmul } from '../src/index.ts'

const formats = (Object.keys(dtypeInfo) as DType[]).filter(isPacked)

/** Every upper half of a float32, with lower halves that lie on, just below and just above where formats round. */
function hardCases(): Float32Array {
  const lows = [0x0000, 0x0001, 0x7fff, 0x8000, 0x8001, 0xffff]
  const bits = new Uint32Array(65536 * lows.length)
  bits.forEach((_, i) => {
    bits[i] = (Math.floor(i / lows.length) << 16) | lows[i % lows.length]
  })
  return new Float32Array(bits.buffer)
}

describe.each(['cpu', 'webgpu'] as const)('narrow formats on %s', (backend) => {
  let device: Device
  let reference: Device
  beforeAll(async () => {
    device = await init({ backend })
    reference = await init({ backend: 'reference' })
  })
  afterAll(() => {
    device.dispose()
    reference.dispose()
  })

  test.each(formats)('%s is encoded and decoded as numerics does', async (format) => {
    const values = hardCases()
    const codes = encode(format, values)
    const x = device.tensor(values)
    const actual = await x.astype(format).codes()
    // Element by element a NaN goes through JavaScript's numbers, which may drop its sign.
    const signless = dtypeInfo[format].lanes === undefined
    let wrong = 0
    codes.forEach((code, i) => {
      if (actual[i] !== code && !(signless && Number.isNaN(values[i]) && Number.isNaN(decode(format, actual[i]))))
        wrong++
    })
    expect(wrong).toBe(0)
    // And back, strided and alone: all codes of the format, read every which way.
    const all = codes.slice(0, 4099)
    const t = device.tensorFromCodes(all, [all.length], format)
    const r = reference.tensorFromCodes(all, [all.length], format)
    const same = async (f: (d: typeof t) => typeof t) => {
      const [a, b] = [await f(t).data(), await f(r).data()]
      a.forEach((v, i) => {
        // WGSL may take subnormal float32 numbers for zero in arithmetic.
        if (v === 0 && Math.abs(b[i]) < 2 ** -125) return
        if (!Object.is(v, b[i]) && !(Number.isNaN(v) && Number.isNaN(b[i])))
          throw new Error(`element ${i}: ${v}, expected ${b[i]}`)
      })
    }
    await same((d) => d.astype('float32'))
    await same((d) => d.astype('float32').add(d.reshape([all.length]).astype('float32')))
    await same((d) => d.reshape([1, all.length]).transpose().astype('float32'))
  })

  test.each(formats)(
    '%s: stochastic rounding takes one of the two neighbours, and is right on average',
    async (format) => {
      const all = Float32Array.of(1.0437, -0.33, 3e-6, -2.2e-3, 0.25, 200.7, 0, 1e-3, -1e-5)
      const values = all.filter((v) => Math.abs(v) <= finfo(format).max)
      const n = 1024
      const many = new Float32Array(values.length * n).map((_, i) => values[Math.floor(i / n)])
      const x = device.tensor(many)
      const rounded = await castStochastic(x, format, [7, 9]).data()
      const again = await castStochastic(reference.tensor(many), format, [7, 9]).data()
      expect(Buffer.from(rounded.buffer).equals(Buffer.from(again.buffer))).toBe(true)
      values.forEach((v, k) => {
        const own = rounded.slice(k * n, (k + 1) * n)
        const kinds = [...new Set(own)].sort((a, b) => a - b)
        expect(kinds.length).toBeLessThanOrEqual(2)
        expect([...kinds]).toContain(decodeArray(format, encode(format, Float32Array.of(v)))[0])
        // A value that is a code, or very near one, becomes that code in every draw; the first two are no such values.
        if (kinds.length === 1 && k > 1) return
        expect(kinds[0] <= v && v <= kinds[1], `${kinds} around ${v}`).toBe(true)
        const mean = Array.from(own).reduce((a, b) => a + b, 0) / n
        const gap = kinds[1] - kinds[0]
        // Five deviations of a mean of n draws.
        expect(Math.abs(mean - v)).toBeLessThanOrEqual((5 * gap) / 2 / Math.sqrt(n) + 1e-7 * Math.abs(v))
      })
      // NaN and infinity pass through the cast's own rules.
      const special = await castStochastic(
        device.tensor([Number.NaN, Number.POSITIVE_INFINITY, 1e30]),
        format,
        [1, 2],
      ).data()
      const plain = await device.tensor([Number.NaN, Number.POSITIVE_INFINITY, 1e30]).astype(format).data()
      expect(Number.isNaN(special[0])).toBe(true)
      expect(special[1]).toBe(plain[1])
    },
  )

  // Shaders read every format through the same accessors; the cpu's packing has a path for each layout.
  const layouts = backend === 'cpu' ? ['NN', 'NT', 'TN', 'TT'] : ['NT']
  test.each(formats.flatMap((a) => [...formats, 'float32' as const].map((b) => [a, b] as const)))(
    'products of %s and %s in every layout',
    async (da, db) => {
      for (const layout of layouts) {
        const product = (d: Device) => {
          const wave = (n: number, f: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * f) * 3)
          const a = d.tensor(wave(20 * 36, 0.7), layout[0] === 'T' ? [36, 20] : [20, 36], da)
          const b = d.tensor(wave(36 * 24, 1.3), layout[1] === 'T' ? [24, 36] : [36, 24], db)
          return matmul(layout[0] === 'T' ? a.transpose() : a, layout[1] === 'T' ? b.transpose() : b, {
            dtype: 'float32',
          })
        }
        const [actual, expected] = [await product(device).data(), await product(reference).data()]
        actual.forEach((x, i) => {
          expect(Math.abs(x - expected[i])).toBeLessThan(1e-4)
        })
      }
    },
  )
})
