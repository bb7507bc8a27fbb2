/** All 2^32 float32 values in every format, against hashes of ml_dtypes' codes. */
import { describe, expect, test } from 'vitest'
import { expectedHash, sliceOnCpu, sweptFormats, sweptModes } from './sweep.ts'

describe.each(sweptFormats.flatMap((f) => sweptModes(f).map((mode) => [f, mode] as const)))(
  '%s, %s',
  (format, mode) => {
    test.each(Array.from({ length: 16 }, (_, slice) => slice))('slice %i', (slice) => {
      expect(sliceOnCpu(format, mode === 'saturate', slice)).toBe(expectedHash(format, mode, slice))
    })
  },
)
