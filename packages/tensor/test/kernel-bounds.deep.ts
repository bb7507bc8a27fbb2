/** Every load and store of the CPU kernels, built in or generated, held to the memory of its step. */
import binaryen from 'assemblyscript/binaryen'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { hasMemory64 } from '../src/backends/cpu/addressing.ts'
import type { CpuOptions } from '../src/backends/cpu/cpu-backend.ts'
import { relaxedProbe } from '../src/backends/cpu/load-kernels.ts'
import { type DType, isFloat } from '../src/dtype.ts'
import * as K from '../src/index.ts'
import { apply, type Tensor } from '../src/tensor.ts'
import { pullBack } from '../src/transforms/vjp.ts'
import { attentionCases, runAttention, wave } from './attention-cases.ts'
import { BoundedDevice } from './bounded-device.ts'
import { expectDefinition, inputsOn, nameOf, valuesOf } from './conformance-cases.ts'
import { instrumentedModule } from './instrumented-module.ts'
import { blockCases, matmulLayouts, scaledProducts } from './matmul-cases.ts'
import { opTable } from './op-table.ts'
import { checkSeed } from './random-programs/check.ts'

/**
 * Every load and store of every WebAssembly kernel, built in or generated, lies in the memory of its step. Vector loads
 * may go 16 bytes past the end of a value; KUMIKI_SEEDS=FROM:TO chooses other random programs.
 */

const [from, to] = (process.env.KUMIKI_SEEDS ?? '0:400').split(':').map(Number)
/** Around the tiles of 4 x 8 and 6 x 8, rows in groups of 16, and blocks of 32 and 64. */
const edges = [1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 31, 32, 33, 63, 64, 65]
const formats: readonly DType[] = ['float32', 'bfloat16', 'float16', 'float8_e4m3fn', 'float8_e5m2']

const relaxed = WebAssembly.validate(relaxedProbe)
const kinds = (
  [
    ['tiles of 6 x 8', { tile: '6x8', memory64: false }, relaxed],
    ['tiles of 4 x 8', { tile: '4x8', memory64: false }, relaxed],
    ['without fused multiply-add', { relaxedSimd: false, memory64: false }, true],
    ['addresses of 64 bits', { memory64: true }, hasMemory64()],
    ['addresses of 64 bits, without fused multiply-add', { relaxedSimd: false, memory64: true }, hasMemory64()],
  ] as [string, CpuOptions, boolean][]
).filter(([, , there]) => there)

test('every instruction that touches memory is reported', () => {
  const lane = (name: string) => `(${name} offset=32 0 (local.get 0) (local.get 1))`
  const text = `(module (import "env" "memory" (memory 1)) (func (export "f") (param i32 v128)
    ${[8, 16, 32, 64].map((bits) => lane(`v128.store${bits}_lane`)).join(' ')}
    ${[8, 16, 32, 64].map((bits) => `(drop ${lane(`v128.load${bits}_lane`)})`).join(' ')}
    ${['8_splat', '16_splat', '32_splat', '64_splat', '32_zero', '64_zero', '16x4_u', '8x8_s', '32x2_s'].map((form) => `(drop (v128.load${form} (local.get 0)))`).join(' ')}
    (drop (v128.load (local.get 0))) (v128.store (local.get 0) (local.get 1))
    (drop (f32.load (local.get 0))) (drop (i32.load8_u (local.get 0))) (drop (i32.load16_u (local.get 0)))
    (f32.store (local.get 0) (f32.const 0)) (i32.store8 (local.get 0) (i32.const 0))
    (memory.fill (local.get 0) (i32.const 0) (i32.const 24))
    (memory.copy (local.get 0) (i32.const 640) (i32.const 48))))`
  const seen: string[] = []
  const note = (what: string) => (at: number) => {
    seen.push(`${what} ${at}`)
    return at
  }
  const bounds = {
    access(pointer: number, offset: number, bytes: number, store: number) {
      seen.push(`${store ? 'store' : 'load'} ${bytes} at ${pointer} + ${offset}`)
      return pointer
    },
    ...{ written: note('written'), read: note('read'), length: note('length') },
  }
  const memory = new WebAssembly.Memory({ initial: 1 })
  const body = instrumentedModule(binaryen.parseText(text).emitBinary())
  // A vector cannot be given from here, so a wrapper passes one.
  const outer = binaryen.parseText(
    `(module (import "f" "f" (func $f (param i32 v128))) (func (export "g") (call $f (i32.const 1000) (v128.const i64x2 0 0))))`,
  )
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(body as BufferSource), {
    env: { memory },
    bounds,
  })
  const wrapper = new WebAssembly.Instance(new WebAssembly.Module(outer.emitBinary() as BufferSource), {
    f: { f: exports.f },
  })
  ;(wrapper.exports.g as () => void)()
  expect(seen).toEqual([
    ...[1, 2, 4, 8].map((bytes) => `store ${bytes} at 1000 + 32`),
    ...[1, 2, 4, 8].map((bytes) => `load ${bytes} at 1000 + 32`),
    ...[1, 2, 4, 8, 4, 8, 8, 8, 8, 16].map((bytes) => `load ${bytes} at 1000 + 0`),
    ...['store 16', 'load 4', 'load 1', 'load 2', 'store 4', 'store 1'].map((what) => `${what} at 1000 + 0`),
    ...['written 1000', 'length 24', 'written 1000', 'read 640', 'length 48'],
  ])
})

test('a kernel that leaves its memory, and threads that write the same, are found', async () => {
  using bounded = await BoundedDevice.create()
  const copying = (bytes: number, dstStride: number) =>
    K.defineOp<unknown>({
      name: 'copying',
      kind: 'kernel',
      infer: ([x]) => [{ shape: x.shape, dtype: x.dtype }],
      evaluate: () => {},
      cpu: {
        plan: () => ({
          calls: [
            { kernel: 'copyRows', count: 8, grain: 1, args: [{ input: 0 }, { output: 0 }, bytes, 16, dstStride] },
          ],
        }),
      },
    })
  const found = async (bytes: number, dstStride: number) => {
    // One part, then others: each call of the device cuts elsewhere.
    for (let k = 0; k < 5; k++)
      await K.apply1(copying(bytes, dstStride), [bounded.device.tensor(new Float32Array(32), [8, 4])], {}).data()
    const problems = [...bounded.problems].map((problem) => problem.replace(/^.*\): /, ''))
    bounded.problems.clear()
    return problems
  }
  expect(await found(16, 16)).toEqual([])
  expect((await found(20, 16)).join()).toContain('a store of 20 bytes at 112 of argument 1, which has 128')
  expect((await found(32, 16)).join()).not.toContain('a load of 32 bytes')
  expect((await found(33, 16)).join()).toContain('a load of 33 bytes at 112 of argument 0, which has 128')
  expect(await found(16, 8)).toContain('two threads write the same bytes of argument 1')
})

let reference: K.Device
beforeAll(async () => {
  reference = await K.init({ backend: 'reference' })
})
afterAll(() => reference.dispose())

describe.each(kinds)('%s', (_, options) => {
  let bounded: BoundedDevice
  let device: K.Device
  beforeAll(async () => {
    bounded = await BoundedDevice.create(options)
    device = bounded.device
  })
  afterEach(() => {
    const problems = [...bounded.problems]
    bounded.problems.clear()
    expect(problems).toEqual([])
  })
  afterAll(() => bounded[Symbol.dispose]())

  test.each(opTable.flatMap((op) => (op.samples ?? []).map((sample) => ({ op, sample, name: nameOf(op, sample) }))))(
    '$name',
    async ({ op, sample }) => {
      await expectDefinition(op, sample, device, reference)
      if (sample.differentiable === false || !(op.gradient || op.definition)) return
      const inputs = inputsOn(device, sample, valuesOf(sample, 13))
      const outs = apply(op, inputs, sample.attrs ?? {}).filter((o) => isFloat(o.dtype))
      if (outs.length === 0) return
      const grads = pullBack([outs[0].mul(0.5).sum()], [device.tensor(1)], inputs, device)
      await device.evaluate(grads.filter((g): g is Tensor => g?.device === device))
    },
  )

  describe.each(formats)('products of %s', (dtype) => {
    const operand = (rows: number, columns: number, transposed: boolean) => {
      const x = device.tensor(wave(rows * columns, 0.7), transposed ? [columns, rows] : [rows, columns], dtype)
      return transposed ? x.transpose() : x
    }
    test.each(matmulLayouts)('%s', async (layout) => {
      const compute = async (m: number, k: number, n: number) => {
        const [a, b] = [operand(m, k, layout[0] === 'T'), operand(k, n, layout[1] === 'T')]
        await K.matmul(a, b, { dtype: 'float32' }).data()
        a.dispose()
        b.dispose()
      }
      for (const m of edges) for (const n of edges) await compute(m, 5, n)
      for (const k of [...edges, 511, 512, 513, 1028])
        for (const m of [1, 3, 17, 33]) for (const n of [8, 13]) await compute(m, k, n)
    })
  })

  test('one row times weights, again and again', async () => {
    for (const dtype of ['float32', 'bfloat16'] as const)
      for (const [n, k] of [
        [8, 8],
        [16, 516],
        [72, 1028],
      ]) {
        const w = device.tensor(wave(n * k, 0.7), [n, k], dtype)
        await device.evaluate([w])
        const product = K.compile((x: Tensor, y: Tensor) => K.matmul(x, y.transpose(), { dtype: 'float32' }))
        for (let run = 0; run < 6; run++) await (await product(device.tensor(wave(k, 1), [1, k], dtype), w)).data()
        await w.data()
        product.dispose()
      }
  })

  test('products of codes in blocks', async () => {
    for (const layout of matmulLayouts)
      for (const { size, a, b } of blockCases) await scaledProducts(device, size, layout, a, b).direct.data()
  })

  test('attention', async () => {
    for (const c of attentionCases) await runAttention(device, c)
    for (const t of [1, 7, 8, 9, 31, 33])
      for (const d of [4, 6, 8, 12])
        for (const more of [{}, { window: 5 }, { softcap: 2, documents: [3] }])
          await runAttention(device, { batch: 2, t, heads: 2, kvHeads: 1, d, causal: true, ...more })
  })

  test('sums, norms and rows', async () => {
    for (const n of [...edges, 127, 1000])
      for (const dtype of formats) {
        const x = K.cast(device.tensor(wave(3 * n, 1.7), [3, n]), dtype)
        const y = x.astype('float32')
        const ids = device.tensor(Int32Array.of(2, 0, 1), [3])
        await device.evaluate([
          ...[K.sum(x, -1), K.sum(x, 0), K.sum(K.square(y), -1), K.max(y, -1), K.max(y, 0)],
          ...[K.softmax(y), K.logSumExp(y, -1), K.rmsNorm(y, device.tensor(wave(n, 1), [n])), K.take(x, ids)],
          ...[x.transpose().astype('float32'), K.crossEntropy(y, K.minimum(ids, n - 1))],
        ])
        await K.grad((t: Tensor) => K.sum(K.mul(K.softmax(t), K.take(t, ids))))(y)
      }
  })

  test(`random programs ${from} to ${to}`, async () => {
    const wrong: string[] = []
    for (let seed = from; seed < to; seed++) {
      const { problem, program } = await checkSeed(seed, reference, [device])
      if (problem) wrong.push(problem)
      if (bounded.problems.size > 0)
        wrong.push(`seed ${seed}: ${[...bounded.problems].join('\n')}\n${JSON.stringify(program)}`)
      bounded.problems.clear()
    }
    expect(wrong.slice(0, 5)).toEqual([])
  })

  test('every kernel has run', () => {
    expect(bounded.accesses).toBeGreaterThan(1e6)
    expect([...bounded.ran].sort()).toEqual([...bounded.kernels, 'fused'].sort())
  })
})
