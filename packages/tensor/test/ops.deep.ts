/** Every case of ops.test.ts on every backend, with first and second derivatives. */
import { afterAll, beforeAll, describe, test } from 'vitest'
import { type Device, init } from '../src/index.ts'
import { expectPyTorch, opCases } from './ops-cases.ts'

describe.each(['cpu', 'webgpu'] as const)('on %s', (backend) => {
  let device: Device
  beforeAll(async () => {
    device = await init({ backend })
  })
  afterAll(() => device.dispose())
  test.each(opCases)('$title', (c) => expectPyTorch(c, device, 2))
})
