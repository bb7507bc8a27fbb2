/** The remedy in errors of a full disk. */
import { expect, test } from 'vitest'
import { DiskError, diskError, messageWhileRunning } from '../src/disk-error.ts'

const full = Object.assign(new Error('write'), { code: 'ENOSPC' })

test('a full disk has its remedy in a field, which a run that continues gives without the advice to resume', () => {
  // The second is as `replaceFile` of @kumiki/models wraps it.
  for (const given of [full, new Error('a.json: the disk is full', { cause: full })]) {
    const error = diskError('a.json', given, 'the file is unchanged') as DiskError
    expect(error).toBeInstanceOf(DiskError)
    expect(error.message).toBe('a.json: the disk is full; the file is unchanged. Free some space and resume the run')
    expect(messageWhileRunning(error)).toBe('a.json: the disk is full; the file is unchanged. Free some space')
  }
  expect(messageWhileRunning(new Error('other'))).toBe('other')
})
