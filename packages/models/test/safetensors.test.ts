/** Safetensors against files of the Python package, the writer, and corrupt files. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  decodeSafetensors,
  encodeSafetensors,
  openSafetensors,
  type SafetensorsTensor,
  safetensorsChunks,
} from '../src/safetensors/safetensors.ts'

const golden = new Uint8Array(readFileSync(new URL('../vectors/safetensors-python.safetensors', import.meta.url)))

function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}

function file(header: unknown, dataBytes = 0): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header))
  const bytes = new Uint8Array(8 + json.length + dataBytes)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true)
  bytes.set(json, 8)
  return bytes
}

const entry = (begin: number, end: number, more: object = {}) => ({
  dtype: 'F32',
  shape: [(end - begin) / 4],
  data_offsets: [begin, end],
  ...more,
})

describe('a file of the Python package', () => {
  it('decodes', () => {
    const { metadata, tensors } = decodeSafetensors(golden)
    expect(metadata).toEqual({ format: 'np', note: '組木' })
    const shapes = Object.fromEntries([...tensors].map(([name, { dtype, shape }]) => [name, [dtype, shape]]))
    expect(shapes).toEqual({
      'model.norm.weight': ['F32', [3]],
      'lm_head.weight': ['BF16', [2, 3]],
      half: ['F16', [2, 1]],
      ids: ['I64', [3]],
      i32: ['I32', [2]],
      u32: ['U32', []],
      bytes: ['U8', [3]],
      mask: ['BOOL', [3]],
      empty: ['F32', [0, 4]],
      f64: ['F64', [1]],
      名前: ['I8', [1]],
    })
    const data = (name: string) => tensors.get(name)!.data.slice().buffer
    expect([...new Float32Array(data('model.norm.weight'))]).toEqual([1, -2.5, 3.25])
    expect([...new BigInt64Array(data('ids'))]).toEqual([-1n, 2n ** 40n, 7n])
    expect([...new Uint16Array(data('lm_head.weight'))].map((bits) => bits.toString(16))).toEqual([
      '0',
      '3e80',
      '3f00',
      '3f40',
      '3f80',
      '3fa0',
    ])
    expect([...new Uint32Array(data('u32'))]).toEqual([2 ** 32 - 1])
  })

  it('comes back the same through our writer, whole and in chunks, and lazily', async () => {
    const { metadata, tensors } = decodeSafetensors(golden)
    const again = encodeSafetensors([...tensors.values()], metadata)
    expect(decodeSafetensors(again)).toEqual({ metadata, tensors })

    const lazy: SafetensorsTensor[] = [...tensors.values()].map((tensor) => ({ ...tensor, data: () => tensor.data }))
    const chunks: Uint8Array[] = []
    for await (const chunk of safetensorsChunks(lazy, metadata)) chunks.push(chunk)
    expect(Buffer.concat(chunks).equals(again)).toBe(true)

    const reads: number[] = []
    const reader = await openSafetensors({
      size: golden.length,
      read: (at, length) => {
        reads.push(length)
        return golden.slice(at, at + length)
      },
    })
    expect(reads).toHaveLength(2)
    expect(await reader.read('ids')).toEqual(tensors.get('ids')!.data)
    await expect(reader.read('nope')).rejects.toThrow(/no tensor is called "nope"; the file has 11/)
  })
})

describe('the writer', () => {
  it('aligns tensors to their elements', () => {
    const bytes = encodeSafetensors([
      { name: 'a', dtype: 'U8', shape: [3], data: new Uint8Array([1, 2, 3]) },
      { name: 'b', dtype: 'F32', shape: [2], data: bytesOf(new Float32Array([1, 2])) },
    ])
    const { tensors } = decodeSafetensors(bytes)
    expect(tensors.get('b')!.data.byteOffset % 4).toBe(0)
    expect([...tensors.get('a')!.data]).toEqual([1, 2, 3])
  })

  it('names what is wrong', () => {
    const good = { name: 'a', dtype: 'F32', shape: [2], data: new Uint8Array(8) } as const
    expect(() => encodeSafetensors([good, good])).toThrow(/tensor "a": the name is given twice/)
    expect(() => encodeSafetensors([{ ...good, data: new Uint8Array(7) }])).toThrow(/F32 \[2\] takes 8 bytes, got 7/)
    expect(() => encodeSafetensors([{ ...good, dtype: 'F31' as 'F32' }])).toThrow(
      /dtype "F31" is unknown; known dtypes are/,
    )
    expect(() => encodeSafetensors([{ ...good, shape: [-1] }])).toThrow(/shape must hold integers/)
    expect(() => encodeSafetensors([{ ...good, data: () => new Uint8Array(8) }])).toThrow(/use safetensorsChunks/)
    expect(() => encodeSafetensors([{ ...good, name: '__metadata__' }])).toThrow(/reserved/)
  })
})

describe('a hostile file', () => {
  const huge = file({})
  new DataView(huge.buffer).setBigUint64(0, 2n ** 63n, true)
  const long = file({})
  new DataView(long.buffer).setBigUint64(0, 3n, true)

  it.each([
    ['is empty', new Uint8Array(0), /8-byte header length, but this one has 0 bytes/],
    ['claims a huge header', huge, /header length 9223372036854775808 is over the format's limit of 100000000/],
    ['claims a header past its end', long, /header length 3 goes past the end of a file of 10 bytes/],
    ['is not JSON', file('{"a":'), /not JSON/],
    ['does not start with {', file('[]'), /does not start with/],
    ['is not UTF-8', file('{}').fill(0xff, 8), /not UTF-8/],
    ['has an array for a tensor', file({ a: [] }), /tensor "a" must be an object/],
    ['has no dtype', file({ a: { shape: [], data_offsets: [0, 0] } }), /dtype must be a string/],
    ['has a shape of strings', file({ a: entry(0, 4, { shape: ['1'] }) }, 4), /shape must be an array of numbers/],
    ['has one offset', file({ a: entry(0, 4, { data_offsets: [0] }) }, 4), /data_offsets must be two numbers/],
    [
      'has offsets past the end',
      file({ a: entry(0, 8) }, 4),
      /data_offsets \[0, 8\] go past the 4 bytes of data in the file; the file is truncated/,
    ],
    ['has offsets backwards', file({ a: entry(4, 0, { shape: [1] }) }, 4), /must lie in order/],
    ['has fractional offsets', file({ a: entry(0, 4, { data_offsets: [0.5, 4] }) }, 4), /must lie in order/],
    ['has a shape that does not fit', file({ a: entry(0, 8, { shape: [3] }) }, 8), /F32 \[3\] takes 12 bytes/],
    ['has a shape that overflows', file({ a: entry(0, 8, { shape: [2 ** 40, 2 ** 40] }) }, 8), /more bytes than/],
    ['overlaps', file({ a: entry(0, 8), b: entry(4, 12) }, 12), /"b" starts at data byte 4 and overlaps/],
    ['has a hole', file({ a: entry(0, 4), b: entry(8, 12) }, 12), /"b" starts at data byte 8 and leaves a gap/],
    ['has bytes left over', file({ a: entry(0, 4) }, 8), /tensors fill 4 of 8 data bytes/],
    ['has an unknown dtype', file({ a: entry(0, 4, { dtype: 'toString' }) }, 4), /dtype "toString" is unknown/],
    ['has metadata of numbers', file({ __metadata__: { a: 1 } }), /__metadata__ "a" must be a string/],
    [
      'names a tensor twice',
      file(`{"a":${JSON.stringify(entry(0, 4))}, "\\u0061" : ${JSON.stringify(entry(0, 4))}}`, 4),
      /the header has "a" twice/,
    ],
  ])('that %s is refused', (_, bytes, message) => {
    expect(() => decodeSafetensors(bytes)).toThrow(message)
  })

  it('cannot plant a prototype', () => {
    const { tensors } = decodeSafetensors(file(`{"__proto__":${JSON.stringify(entry(0, 4))}}`, 4))
    expect([...tensors.keys()]).toEqual(['__proto__'])
  })

  it('survives every cut and every changed header byte without a foreign error', () => {
    for (let length = 0; length < golden.length; length += 7) {
      expect(() => decodeSafetensors(golden.subarray(0, length))).toThrow(/^safetensors/)
    }
    const end = 8 + Number(new DataView(golden.buffer).getBigUint64(0, true))
    for (let at = 0; at < end; at++) {
      const changed = golden.slice()
      changed[at] ^= 1 << (at % 8)
      try {
        decodeSafetensors(changed)
      } catch (error) {
        expect((error as Error).message).toMatch(/^safetensors/)
      }
    }
  })
})

it("headers are taken and refused as Python's safetensors does", () => {
  const cases = JSON.parse(readFileSync(new URL('../vectors/safetensors-headers.json', import.meta.url), 'utf8')) as [
    string,
    number,
    boolean,
  ][]
  const taken = (header: string, size: number) => {
    const text = new TextEncoder().encode(header)
    const file = new Uint8Array(8 + text.length + size)
    new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true)
    file.set(text, 8)
    try {
      decodeSafetensors(file)
      return true
    } catch (error) {
      expect((error as Error).message).toMatch(/^safetensors: /)
      return false
    }
  }
  for (const [header, size, expected] of cases) expect(taken(header, size), header).toBe(expected)
  expect(cases.length).toBeGreaterThan(300)
})

it('data that is not bytes is refused, since its values would be cut to bytes', async () => {
  const tensor = { name: 'w', shape: [2], dtype: 'F32' as const, data: Float32Array.of(1.5, -300) as never }
  expect(() => encodeSafetensors([tensor])).toThrow(
    'tensor "w": data must be the bytes as a Uint8Array, got Float32Array',
  )
  const chunks = async () => {
    for await (const _ of safetensorsChunks([{ ...tensor, data: (() => tensor.data) as never }]));
  }
  await expect(chunks()).rejects.toThrow(/got Float32Array; of a typed array: new Uint8Array/)
})
