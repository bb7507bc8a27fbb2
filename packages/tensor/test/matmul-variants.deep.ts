/** Every matmul kernel on every size, layout and kind of block. */
import { afterAll, beforeAll, describe, test } from 'vitest'
import { type Device, init } from '../src/index.ts'
import { matmulVariants } from '../src/ops/matmul/matmul.wgsl.ts'
import { blockCases, expectBlocks, expectProduct, matmulLayouts, matmulSizes } from './matmul-cases.ts'

describe.each(matmulVariants.filter((v) => v !== 'subgroup matrix'))('matmul variant %s', (variant) => {
  let device: Device
  let reference: Device
  beforeAll(async () => {
    reference = await init({ backend: 'reference' })
    device = await init({ backend: 'webgpu', kernels: { matmul: variant } })
  })
  afterAll(() => {
    device.dispose()
    reference.dispose()
  })

  test.each(matmulLayouts)('%s agrees with the definition', async (layout) => {
    for (const size of matmulSizes) await expectProduct(device, reference, size, layout)
  })

  test.each(matmulLayouts)('%s of codes in blocks', async (layout) => {
    for (const blocks of blockCases) await expectBlocks(device, reference, layout, blocks)
  })
})
