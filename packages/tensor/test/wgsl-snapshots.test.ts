/**
 * Snapshots of the shaders in `wgsl/*.wgsl`, so that changes of kernels can be reviewed as diffs; `npm test -- FILE -u`
 * writes them. Other tests show that the shaders compile and are correct.
 */
import { readdirSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import type { AdapterTraits, WebGpuPlan, WebGpuRule } from '../src/backends/webgpu/rule.ts'
import { loadFormatCode } from '../src/backends/webgpu/shader.ts'
import type { DType } from '../src/dtype.ts'
import { attentionGradientWgsl, attentionVariants, attentionWgsl } from '../src/ops/attention/attention.wgsl.ts'
import { concatenateWgsl } from '../src/ops/concatenate.wgsl.ts'
import { cumsumWgsl } from '../src/ops/cumulative.wgsl.ts'
import { gatherWgsl, scatterWgsl } from '../src/ops/gather.wgsl.ts'
import { groupedMatmulWgsl, groupedOuterWgsl, groupedVariants } from '../src/ops/grouped-matmul/grouped-matmul.wgsl.ts'
import { matmulProblem, transposeOperand } from '../src/ops/matmul/layout.ts'
import { matmulVariants, matmulWgsl, planMatmul } from '../src/ops/matmul/matmul.wgsl.ts'
import { scaledMatmulWgsl } from '../src/ops/matmul/scaled-matmul.wgsl.ts'
import { subgroupMatrixKernel } from '../src/ops/matmul/subgroup-matrix.wgsl.ts'
import { argMaxWgsl, reduceWgsl } from '../src/ops/reduce.wgsl.ts'
import { rotaryWgsl } from '../src/ops/rotary.wgsl.ts'
import { rowWgsl } from '../src/ops/row-kernels.wgsl.ts'
import { sortWgsl } from '../src/ops/sort.wgsl.ts'
import { scatterAddRowsWgsl, takeWgsl } from '../src/ops/take.wgsl.ts'
import { topKWgsl } from '../src/ops/top-k.wgsl.ts'
import { contiguousAccess } from '../src/passes/access.ts'
import { opTable } from './op-table.ts'

const matrices = (componentType: string, M: number, N: number, K: number) => ({
  componentType,
  resultComponentType: 'f32',
  ...{ M, N, K },
})
const hardware: AdapterTraits = {
  subgroups: true,
  subgroupSize: 32,
  subgroupMatrix: { configs: [matrices('f16', 16, 16, 16)], lanes: 32, sized: false },
  subgroupMatrixKernel,
  maxWorkgroupStorage: 32768,
  maxStorageBuffers: 8,
  software: false,
}
const software: AdapterTraits = {
  ...hardware,
  subgroupSize: 4,
  subgroupMatrix: undefined,
  subgroupMatrixKernel: undefined,
  maxWorkgroupStorage: 16384,
  software: true,
}

const operand = (shape: number[], dtype: DType = 'float32') => ({ slot: 0, dtype, access: contiguousAccess(shape) })

const written: string[] = []

async function expectShaders(name: string, plan: WebGpuPlan): Promise<void> {
  written.push(`${name}.wgsl`)
  const text = plan.dispatches
    .map(
      ({ name: dispatch, wgsl, workgroups }) =>
        `// ${dispatch}: ${workgroups.join(' x ')} workgroups\n${wgsl.trim()}\n`,
    )
    .join('\n')
  await expect(text).toMatchFileSnapshot(`wgsl/${name}.wgsl`)
}

beforeAll(loadFormatCode)

describe('matmul', () => {
  test.each(matmulVariants)('%s', async (variant) => {
    const traits = variant === 'subgroup 8x4' ? software : hardware
    const dtype = variant === 'subgroup matrix' ? 'float16' : 'float32'
    const plan = matmulWgsl.plan(
      {
        inputs: [operand([256, 256], dtype), operand([256, 256], dtype)],
        outputs: [operand([256, 256])],
        attrs: { dtype: 'float32' },
      },
      { ...traits, pinned: { matmul: variant } },
    )
    await expectShaders(`matmul ${variant}`.replaceAll(' ', '-'), plan)
  })
})

test('matmul: K in pieces, and operands packed first', async () => {
  const shapes = { inputs: [operand([16, 4096]), operand([4096, 16])], outputs: [operand([16, 16])] }
  const pieces = matmulWgsl.plan({ ...shapes, attrs: { dtype: 'float32' } }, { ...hardware, pinned: { splitK: '4' } })
  await expectShaders('matmul-pieces', pieces)
  const [a, b] = [operand([128, 256], 'bfloat16'), operand([256, 128], 'bfloat16')]
  const packed = { inputs: [a, b], outputs: [operand([128, 128])], attrs: { dtype: 'float32' } }
  await expectShaders('matmul-packed', matmulWgsl.plan(packed, software))
})

// Subgroup matrices take no scales.
test.each(matmulVariants.filter((v) => v !== 'subgroup matrix'))('scaledMatmul %s', async (variant) => {
  const [codes, scales] = [operand([256, 256], 'float8_e4m3fn'), operand([256, 8])]
  const shapes = { inputs: [codes, scales, codes, scales], outputs: [operand([256, 256])] }
  const traits = { ...(variant === 'subgroup 8x4' ? software : hardware), pinned: { matmul: variant } }
  const plan = scaledMatmulWgsl.plan({ ...shapes, attrs: { transposeA: false, transposeB: true } }, traits)
  expect(plan.dispatches[0].name).toContain(variant)
  await expectShaders(`scaled-matmul ${variant}`.replaceAll(' ', '-'), plan)
})

describe('matmul subgroup matrix', () => {
  // Layouts that show every way of bringing a tile: codes along K and along rows, and one that no words fit.
  test.each([
    ['f32', 'float32', [8, 8, 8], 'NN'],
    ['bf16', 'bfloat16', [16, 16, 16], 'NN'],
    ['f8_e4m3', 'float8_e4m3fn', [16, 16, 32], 'NT'],
    ['f8_e5m2', 'float8_e5m2', [16, 8, 32], 'TN'],
  ] as const)('%s', async (component, dtype, [M, N, K], layout) => {
    const subgroupMatrix = { configs: [matrices(component, M, N, K)], lanes: 32, sized: true }
    const transposed = (x: ReturnType<typeof operand>, side: number) => transposeOperand(x, layout[side] === 'T')
    const plan = planMatmul(
      matmulProblem(transposed(operand([256, 256], dtype), 0), transposed(operand([256, 256], dtype), 1)),
      { dtype, binding: { input: 0 } },
      { dtype, binding: { input: 1 } },
      operand([256, 256]),
      { ...hardware, subgroupMatrix, pinned: { matmul: 'subgroup matrix' } },
    )
    await expectShaders(`matmul-subgroup-matrix-${component}`, plan)
  })
})

describe('grouped products', () => {
  const [x, y, sizes] = [operand([256, 128]), operand([256, 64]), operand([8], 'int32')]
  test.each(groupedVariants)('%s', async (variant) => {
    const traits = { ...hardware, pinned: { groupedMatmul: variant } }
    const w = operand([8, 64, 128])
    const attrs = { transposeB: true }
    await expectShaders(
      `grouped-matmul-${variant}`,
      groupedMatmulWgsl.plan({ inputs: [x, w, sizes], outputs: [y], attrs }, traits),
    )
    const outputs = [operand([8, 128, 64])]
    await expectShaders(
      `grouped-outer-${variant}`,
      groupedOuterWgsl.plan({ inputs: [x, y, sizes], outputs, attrs: {} }, traits),
    )
  })
})

describe('attention', () => {
  const [q, k, lse] = [operand([1, 128, 4, 64]), operand([1, 128, 2, 64]), operand([1, 4, 128])]
  const attrs = { scale: 0.125, causal: true }
  test.each(attentionVariants)('%s', async (variant) => {
    const traits = { ...(variant === 'tiled' ? hardware : software), pinned: { attention: variant } }
    await expectShaders(
      `attention-${variant}`,
      attentionWgsl.plan({ inputs: [q, k, k], outputs: [q, lse], attrs }, traits),
    )
    await expectShaders(
      `attention-${variant}-gradient`,
      attentionGradientWgsl.plan({ inputs: [q, k, k, q, lse, q], outputs: [q, k, k], attrs }, traits),
    )
  })

  test('tiled, over a window and with a cap', async () => {
    const traits = { ...hardware, pinned: { attention: 'tiled' } }
    const narrow = { ...attrs, window: 40, softcap: 30 }
    await expectShaders(
      'attention-tiled-window',
      attentionWgsl.plan({ inputs: [q, k, k], outputs: [q, lse], attrs: narrow }, traits),
    )
    await expectShaders(
      'attention-tiled-window-gradient',
      attentionGradientWgsl.plan({ inputs: [q, k, k, q, lse, q], outputs: [q, k, k], attrs: narrow }, traits),
    )
  })
})

describe('rows', () => {
  const [x, weight, column] = [operand([64, 512]), operand([512]), operand([64])]
  const targets = operand([64], 'int32')
  const cases = {
    softmax: [[x], [x], {}],
    softmaxGradient: [[x, x], [x], {}],
    logSumExp: [[x], [column], {}],
    rmsNorm: [[x, weight], [x, column], { epsilon: 1e-5 }],
    rmsNormGradient: [[x, weight, column, x], [x], {}],
    crossEntropy: [[x, targets], [column, column], { zLoss: 1e-4 }],
  } as const
  test.each(Object.entries(cases))('%s', async (name, [inputs, outputs, attrs]) => {
    const rule = rowWgsl(name as 'softmax') as WebGpuRule<any>
    for (const [adapter, traits] of Object.entries({ hardware, software }))
      await expectShaders(`${name}-${adapter}`, rule.plan({ inputs, outputs, attrs }, traits))
  })
})

describe('reductions', () => {
  test.each(['sum', 'max'] as const)('%s', async (kind) => {
    const rule = reduceWgsl(kind)
    for (const [adapter, traits] of Object.entries({ hardware, software })) {
      const rows = { inputs: [operand([64, 512])], outputs: [operand([64])], attrs: { axis: 1, count: 1 } }
      const columns = { inputs: [operand([512, 64])], outputs: [operand([64])], attrs: { axis: 0, count: 1 } }
      await expectShaders(`${kind}-rows-${adapter}`, rule.plan(rows, traits))
      await expectShaders(`${kind}-columns-${adapter}`, rule.plan(columns, traits))
    }
  })

  test('argMax', async () => {
    const context = { inputs: [operand([64, 512])], outputs: [operand([64], 'int32')], attrs: { axis: 1 } }
    await expectShaders('argMax', argMaxWgsl.plan(context, hardware))
  })
})

test('sort, cumsum, gather and scatter', async () => {
  const [x, ids] = [operand([4, 1000]), operand([4, 1000], 'int32')]
  await expectShaders('sort', sortWgsl.plan({ inputs: [x], outputs: [x, ids], attrs: { descending: false } }, hardware))
  const attrs = { axis: 1, reverse: false }
  await expectShaders('cumsum', cumsumWgsl.plan({ inputs: [x], outputs: [x], attrs }, hardware))
  await expectShaders('gather', gatherWgsl.plan({ inputs: [x, ids], outputs: [x], attrs: { axis: 1 } }, hardware))
  const add = { axis: 1, size: 1000, last: false }
  await expectShaders('scatter', scatterWgsl.plan({ inputs: [x, ids], outputs: [x], attrs: add }, hardware))
  const [many, manyIds] = [operand([128, 100]), operand([128, 100], 'int32')]
  await expectShaders(
    'scatter-lines',
    scatterWgsl.plan({ inputs: [many, manyIds], outputs: [many], attrs: { ...add, size: 100 } }, hardware),
  )
})

test('rows by index, concatenation, rotation and the largest elements', async () => {
  const [table, ids] = [operand([100, 64]), operand([8], 'int32')]
  await expectShaders('take', takeWgsl.plan({ inputs: [table, ids], outputs: [operand([8, 64])], attrs: {} }, hardware))
  const rows = { inputs: [operand([8, 64]), ids], outputs: [table], attrs: { rows: 100 } }
  await expectShaders('scatter-add-rows', scatterAddRowsWgsl.plan(rows, hardware))
  const parts = { inputs: [operand([4, 8]), operand([4, 24])], outputs: [operand([4, 32])], attrs: { axis: 1 } }
  await expectShaders('concatenate', concatenateWgsl.plan(parts, hardware))
  const [x, angles] = [operand([2, 16, 4, 64]), operand([16, 32])]
  const rotated = { inputs: [x, angles, angles], outputs: [x], attrs: { inverse: false } }
  await expectShaders('rotary', rotaryWgsl.plan(rotated, hardware))
  const outputs = [operand([64, 4]), operand([64, 4], 'int32')]
  await expectShaders('top-k', topKWgsl.plan({ inputs: [operand([64, 16])], outputs, attrs: { k: 4 } }, hardware))
})

test('every op with a WebGPU kernel has a snapshot', () => {
  // New ones are not in the folder before this file ends.
  const files = [...readdirSync(new URL('wgsl/', import.meta.url)), ...written]
  const dashed = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  const shown = ({ name }: { name: string }) =>
    files.some((file) => [name, dashed(name)].some((start) => new RegExp(`^${start}[.-]`).test(file))) ||
    // Each variant of attention has its gradient beside it.
    (name === 'attentionGradient' && files.includes('attention-rows-gradient.wgsl'))
  const kernels = opTable.filter(({ webgpu }) => webgpu)
  expect(kernels.length).toBeGreaterThan(20)
  expect(kernels.filter((op) => !shown(op)).map(({ name }) => name)).toEqual([])
})
