import { afterAll, beforeAll, describe, test } from 'vitest'
import { type Device, init } from '../src/index.ts'
import { expectPyTorch, opCases } from './ops-cases.ts'

/** Every case of ops.test.ts with gradients and gradients of gradients. */
describe.each(['cpu', 'webgpu'] as const)('on %s', (backend) => {
  let device: Device
  beforeAll(async () => {
    device = await init({ backend })
  })
  afterAll(() => device.dispose())
  test.each(opCases)('$title', (c) => expectPyTorch(c, device, 2))
})
