/** All 2^32 float32 values in the formats that ordinary tests cover by edges and random values. */
import { describe, expect, test } from 'vitest'
import { expectedHash, otherFormats, sliceOnCpu } from './sweep.ts'

describe.each(otherFormats)('%s', (format) => {
  test.each(Array.from({ length: 16 }, (_, slice) => slice))('slice %i', (slice) => {
    expect(sliceOnCpu(format, false, slice)).toBe(expectedHash(format, 'overflow', slice))
  })
})
