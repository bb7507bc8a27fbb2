// The WGSL variants of matrix products, the choice among them, and the plan of a product.

import type { AdapterTraits, Dispatch, Epilogue, Tunable, WebGpuPlan, WebGpuRule } from '../../backends/webgpu/rule.ts'
import { linearEntry, maxWorkgroups, type ShaderBuffer, shader, workgroupsFor } from '../../backends/webgpu/shader.ts'
import { bytesPerElement, isPacked } from '../../dtype.ts'
import type { Operand } from '../../passes/operand.ts'
import { base, four, type MatmulCase, type MatmulVariant, vectorLoads } from './case.ts'
import { scalarTile, subgroupTile, vectorTile } from './direct.wgsl.ts'
import { batchCount, dispatchProblems, extent, type MatmulProblem, type MatrixAccess, matmulProblem } from './layout.ts'
import { type MatmulOperand, operandKey, readingOf, valueType } from './scaled-operand.wgsl.ts'
import { sharedTile } from './shared.wgsl.ts'

const both = () => ({ a: true, b: true })
const neither = () => ({ a: false, b: false })
/** Tiles in workgroup memory are loaded by vec4 if the operand is contiguous along the tile's lines. */
const alongLines: MatmulVariant['vectors'] = ({ loads, problem: { m, n } }) => ({
  a: loads?.a === 'row' && m % 4 === 0,
  b: loads?.b === 'column' && n % 4 === 0,
})

/** In order of preference. All need only WebGPU's default limits; the last supports any strides and sizes. */
const variants: Readonly<Record<string, MatmulVariant>> = {
  'subgroup 8x4': {
    isSupported: ({ loads, adapter, problem }) => loads !== undefined && adapter.subgroupSize === 4 && problem.m >= 8,
    isPreferred: () => true,
    vectors: both,
    head: () => 'enable subgroups;\n',
    tile: () => [8, 16],
    body: subgroupTile,
  },
  'shared 8x8': {
    isSupported: ({ problem: { k } }) => k > 0,
    isPreferred: ({ problem: { m, n }, adapter }) => !adapter.software && m >= 256 && n >= 256,
    vectors: alongLines,
    tile: () => [128, 128],
    body: (c) => sharedTile(c, 8),
  },
  'shared 4x4': {
    isSupported: ({ problem: { k } }) => k > 0,
    isPreferred: ({ problem: { m, n }, adapter }) => !adapter.software && m >= 32 && n >= 32,
    vectors: alongLines,
    tile: () => [64, 64],
    body: (c) => sharedTile(c, 4),
  },
  'direct 4x4 vec4': {
    isSupported: ({ loads }) => loads !== undefined,
    isPreferred: () => true,
    vectors: both,
    tile: () => [32, 32],
    body: vectorTile,
  },
  'direct 4x4': {
    isSupported: () => true,
    isPreferred: () => true,
    vectors: neither,
    tile: () => [32, 32],
    body: scalarTile,
  },
}

/**
 * The preferred variant on adapters that have it. It is part of the adapter's traits, since few pages load its code.
 */
const subgroupMatrix = 'subgroup matrix'

/** Names of the matmul variants, for pinning one. */
export const matmulVariants: readonly string[] = [subgroupMatrix, ...Object.keys(variants)]

const variantsOf = ({ subgroupMatrixKernel }: AdapterTraits): Readonly<Record<string, MatmulVariant>> =>
  subgroupMatrixKernel ? { [subgroupMatrix]: subgroupMatrixKernel, ...variants } : variants

/** The pinned or else the tuned variant, if it supports the case; otherwise the first supported and preferred one. */
function choose(c: Omit<MatmulCase, 'store'>, key: string): [name: string, variant: MatmulVariant] {
  const variants = variantsOf(c.adapter)
  for (const wanted of [c.adapter.pinned?.matmul, c.adapter.tuned?.get(key)])
    if (wanted !== undefined && variants[wanted]?.isSupported(c)) return [wanted, variants[wanted]]
  return Object.entries(variants).find(([, v]) => v.isSupported(c) && v.isPreferred(c))!
}

/**
 * A product as part of another kernel's plan: its operands are any bindings, and its results may be stored by an
 * epilogue.
 */
export interface MatmulRequest {
  readonly problem: MatmulProblem
  readonly a: MatmulOperand
  readonly b: MatmulOperand
  /** Stores the results; without it they are stored in `c`. */
  readonly epilogue?: Epilogue
  readonly c?: MatmulOperand
  /** The kernel's name in profiles, instead of `matmul`. */
  readonly label?: string
}

/** A key of everything that the choice of a variant depends on. */
function caseKey({ problem, a, b }: MatmulRequest): string {
  const { m, n, k } = problem
  const layout = (x: MatrixAccess) => (x.columnStride === 1 ? 'N' : x.rowStride === 1 ? 'T' : 'S')
  const operands = [a, b].map(operandKey).join('*')
  return `matmul ${batchCount(problem)}x${m}x${n}x${k} ${layout(problem.a)}${layout(problem.b)} ${operands}`
}

/** Whether results are stored four at a time, as epilogues need. */
export function storesVectors({ n }: MatmulProblem): boolean {
  return n % 4 === 0
}

function matmulChoice(request: MatmulRequest, adapter: AdapterTraits): { dispatch: Dispatch; tunable: Tunable } {
  const { problem, a, b, c, epilogue } = request
  const { m, n, k, batchShape } = problem
  const batch = batchCount(problem)
  const without = { problem, loads: vectorLoads(problem), dtypes: [valueType(a), valueType(b)] as const, adapter }
  const key = caseKey(request)
  const made = (name: string, variant: MatmulVariant): Dispatch => {
    const vectors = variant.vectors(without)
    const [rows, columns] = variant.tile(without)
    const bufferC: ShaderBuffer | undefined = c && {
      name: 'c',
      dtype: c.dtype,
      write: true,
      vector: n % 4 === 0,
      length: extent(problem.c, m, n, batchShape),
    }
    const readA = readingOf('a', a, vectors.a, extent(problem.a, m, k, batchShape))
    const readB = readingOf('b', b, vectors.b, extent(problem.b, k, n, batchShape))
    const buffers = [...readA.buffers, ...readB.buffers, ...(epilogue?.buffers ?? [bufferC!])]
    const functions = `${readA.functions}${readB.functions}${epilogue?.functions ?? ''}`
    const store = epilogue?.store ?? ((index: string, value: string) => `c_set4(${index}, ${value});`)
    return {
      name: `${request.label ?? 'matmul'} ${name}${epilogue?.name ? ` + ${epilogue.name}` : ''}`,
      wgsl:
        (variant.head?.(without) ?? '') +
        shader(buffers, `${functions}${variant.body({ ...without, store })}`, epilogue?.formats),
      bindings: [...readA.bindings, ...readB.bindings, ...(epilogue?.bindings ?? [c!.binding])],
      workgroups: [Math.ceil(n / columns), Math.ceil(m / rows), batch],
      flops: 2 * batch * m * n * k,
    }
  }
  const [name, variant] = choose(without, key)
  return {
    dispatch: made(name, variant),
    tunable: {
      key,
      chosen: name,
      alternatives: () =>
        Object.entries(variantsOf(adapter)).flatMap(([other, v]) =>
          v.isSupported(without) ? [[other, { dispatches: [made(other, v)] }] as const] : [],
        ),
    },
  }
}

export function matmulDispatch(request: MatmulRequest, adapter: AdapterTraits): Dispatch {
  return matmulChoice(request, adapter).dispatch
}

/** Number of pieces that K is split into if C is too small to occupy a GPU and K is long; 1: not split. */
function splits({ m, n, k }: MatmulProblem, batch: number, adapter: AdapterTraits): number {
  const pinned = adapter.pinned?.splitK
  const wanted = pinned ? Number(pinned) : adapter.software ? 1 : 96 / (Math.ceil(m / 64) * Math.ceil(n / 64) * batch)
  let pieces = 2 ** Math.floor(Math.log2(Math.max(1, Math.min(wanted, 32))))
  // The length of a piece is a multiple of 16, and enough to be worth a second pass over C.
  while (pieces > 1 && (k % (16 * pieces) !== 0 || (!pinned && k / pieces < 256) || pieces * batch > maxWorkgroups))
    pieces /= 2
  return pieces
}

/** Bytes that every WebGPU device can bind at once. */
const largestBinding = 2 ** 27

/**
 * Whether packing an operand into a row-major float32 copy pays on a software adapter. Its kernels load every element
 * many times and would decode it each time; and rows that are read together and start multiples of 1 KiB apart fall
 * into the same cache sets of a CPU. On GPUs each element is loaded into a tile once.
 */
function packingPays(name: 'a' | 'b', problem: MatmulProblem, operand: MatmulOperand, adapter: AdapterTraits): boolean {
  const { m, n, k, b } = problem
  const loads = vectorLoads(problem)
  const bytes = batchCount(problem) * k * (name === 'a' ? m : n) * 4
  if (!adapter.software || adapter.pinned?.matmul !== undefined || !loads || bytes > largestBinding) return false
  if (operand.scales || isPacked(operand.dtype)) return name === 'a' ? n >= 64 : m >= 64
  return name === 'b' && m >= 128 && loads.b === 'row' && (b.columnStride * bytesPerElement[operand.dtype]) % 1024 === 0
}

/** Packs an operand row-major as float32 into scratch memory: the dispatch, and the problem that reads the copy. */
function packOperand(name: 'a' | 'b', problem: MatmulProblem, operand: MatmulOperand, scratch: number) {
  const { m, n, k, batchShape } = problem
  const access = problem[name]
  const [rows, columns] = name === 'a' ? [m, k] : [k, n]
  const batch = batchCount(problem)
  const bytes = batch * rows * columns * 4
  const contiguous = batchShape.map((_, d) => rows * columns * batchShape.slice(d + 1).reduce((x, y) => x * y, 1))
  const laid: MatrixAccess = { offset: 0, batchStrides: contiguous, rowStride: columns, columnStride: 1 }
  const reading = readingOf('x', operand, true, extent(access, rows, columns, batchShape))
  const buffers: ShaderBuffer[] = [
    ...reading.buffers,
    { name: 'laid', dtype: 'float32', write: true, vector: true, length: batch * rows * columns },
  ]
  // If vec4 loads run along the columns of the matrix, blocks of 4 x 4 are transposed.
  const transposed = vectorLoads(problem)![name] === 'row'
  const high = transposed ? 4 : 1
  const across = columns / 4
  const blocks = (rows / high) * across
  const first = (i: number) =>
    transposed ? `baseX + (col + ${i}u) * ${access.columnStride}u + row` : `baseX + row * ${access.rowStride}u + col`
  const move = transposed
    ? `${four.map((i) => `  let u${i} = x_at4(${first(i)});`).join('\n')}
${four.map((i) => `  laid_set4(baseLaid + (row + ${i}u) * ${columns}u + col, vec4<f32>(u0[${i}], u1[${i}], u2[${i}], u3[${i}]));`).join('\n')}`
    : `  laid_set4(baseLaid + row * ${columns}u + col, x_at4(${first(0)}));`
  const body = linearEntry(
    16,
    `  if (id >= ${blocks * batch}u) { return; }
  let z = id / ${blocks}u;
  let block = id % ${blocks}u;
  let row = (block / ${across}u) * ${high}u;
  let col = (block % ${across}u) * 4u;
${base('baseX', access, batchShape, 'z')}
${base('baseLaid', laid, batchShape, 'z')}
${move}`,
  )
  return {
    problem: { ...problem, [name]: laid },
    operand: { dtype: 'float32', binding: { scratch } } satisfies MatmulOperand,
    bytes,
    dispatch: {
      name: `matmul pack ${name}`,
      wgsl: shader(buffers, `${reading.functions}${body}`),
      bindings: [...reading.bindings, { scratch }],
      workgroups: workgroupsFor(blocks * batch, 16),
      flops: 0,
    } satisfies Dispatch,
  }
}

/** The plan of a product: in one pass, in pieces of K, or after packing operands. */
export function planMatmul(
  problem: MatmulProblem,
  a: MatmulOperand,
  b: MatmulOperand,
  out: Operand,
  adapter: AdapterTraits,
  epilogue?: Epilogue,
): WebGpuPlan {
  const batch = batchCount(problem)
  const { m, n, k } = problem
  if (m * n * batch === 0) return { dispatches: [] }
  const problems = dispatchProblems(problem, maxWorkgroups)
  const pieces = storesVectors(problem) && problems.length === 1 ? splits(problem, batch, adapter) : 1
  if (pieces === 1) {
    const c = epilogue ? undefined : { dtype: out.dtype, binding: { output: 0 } }
    const request = { problem, a, b, c, epilogue }
    const dispatches: Dispatch[] = []
    const scratch: number[] = []
    for (const name of ['a', 'b'] as const) {
      if (!packingPays(name, request.problem, request[name], adapter)) continue
      const packed = packOperand(name, request.problem, request[name], scratch.length)
      request.problem = packed.problem
      request[name] = packed.operand
      dispatches.push(packed.dispatch)
      scratch.push(packed.bytes)
    }
    const parts = dispatchProblems(request.problem, maxWorkgroups).map((part) =>
      matmulChoice({ ...request, problem: part }, adapter),
    )
    dispatches.push(...parts.map((p) => p.dispatch))
    const { tunable } = parts[0]
    return { dispatches, scratch, ...(scratch.length === 0 && parts.length === 1 ? { tunable } : {}) }
  }

  // Pieces of K are a batch dimension, whose products go to scratch; a second pass sums them in order.
  const total = batch * m * n
  const piece = (access: MatrixAccess, stride: number): MatrixAccess => ({
    ...access,
    batchStrides: [stride, ...access.batchStrides],
  })
  const deep = k / pieces
  const parts: MatmulProblem = {
    ...problem,
    k: deep,
    batchShape: [pieces, ...problem.batchShape],
    a: piece(problem.a, deep * problem.a.columnStride),
    b: piece(problem.b, deep * problem.b.rowStride),
    c: piece(problem.c, total),
  }
  const sumBuffers: ShaderBuffer[] = [
    { name: 'parts', dtype: 'float32', vector: true, length: pieces * total },
    ...(epilogue?.buffers ?? [{ name: 'c', dtype: out.dtype, write: true, vector: true, length: total }]),
  ]
  return {
    dispatches: [
      matmulDispatch({ problem: parts, a, b, c: { dtype: 'float32', binding: { scratch: 0 } } }, adapter),
      {
        name: `matmul pieces${epilogue?.name ? ` + ${epilogue.name}` : ''}`,
        wgsl: shader(
          sumBuffers,
          `${epilogue?.functions ?? ''}${linearEntry(
            64,
            `  let i = id * 4u;
  if (i >= ${total}u) { return; }
  var v = vec4<f32>(0.0);
  for (var s = 0u; s < ${pieces}u; s++) { v += parts_at4(s * ${total}u + i); }
  ${epilogue?.store('i', 'v') ?? 'c_set4(i, v);'}`,
          )}`,
          epilogue?.formats,
        ),
        bindings: [{ scratch: 0 }, ...(epilogue?.bindings ?? [{ output: 0 }])],
        workgroups: workgroupsFor(total / 4, 64),
      },
    ],
    scratch: [pieces * total * 4],
  }
}

/** Whether elementwise work on a product can be fused into its kernel. */
export const fusesByFour: NonNullable<WebGpuRule<unknown>['fusesResult']> = (_, [out]) =>
  out.shape[out.shape.length - 1] % 4 === 0

export const matmulWgsl: WebGpuRule<unknown> = {
  supports: (_, attrs) => (attrs as { dtype: string }).dtype === 'float32',
  fusesResult: fusesByFour,
  plan: ({ inputs: [a, b], outputs: [out] }, adapter, epilogue) =>
    planMatmul(
      matmulProblem(a, b),
      { dtype: a.dtype, binding: { input: 0 } },
      { dtype: b.dtype, binding: { input: 1 } },
      out,
      adapter,
      epilogue,
    ),
}
