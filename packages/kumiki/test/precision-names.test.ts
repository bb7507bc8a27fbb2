/** The command line's list of precision policies is that of @kumiki/train. */
import { precisions } from '@kumiki/train'
import { expect, test } from 'vitest'
import { precisionNames } from '../src/flags/precision-names.ts'

test('the command line offers every precision policy there is', () => {
  expect([...precisionNames]).toEqual(Object.keys(precisions))
})
