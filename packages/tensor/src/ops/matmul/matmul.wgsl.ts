import type { AdapterTraits, Binding, Dispatch, Epilogue, Tunable, WebGpuRule } from '../../backends/webgpu/rule.ts'
import { linearEntry, type ShaderBuffer, shader, workgroupsFor } from '../../backends/webgpu/shader.ts'
import { bytesPerElement, type DType } from '../../dtype.ts'
import { bases, four, type MatmulCase, vectorLoads } from './case.ts'
import { scalarTile, subgroupTile, vectorTile } from './direct.wgsl.ts'
import { batchCount, extent, type MatmulProblem, type MatrixAccess, matmulProblem } from './layout.ts'
import { sharedTile } from './shared.wgsl.ts'
import {
  subgroupMatrixHead,
  subgroupMatrixSide,
  subgroupMatrixStorage,
  subgroupMatrixTile,
} from './subgroup-matrix.wgsl.ts'

interface MatmulVariant {
  /** Hard needs: features, limits, alignment. */
  applies(c: Omit<MatmulCase, 'store'>): boolean
  /** Whether it is worth it on this adapter and shape; the first variant that applies and suits is taken. */
  suits(c: Omit<MatmulCase, 'store'>): boolean
  /** Which operands are declared as vectors: those that are only read by vec4. */
  vectors(c: Omit<MatmulCase, 'store'>): { readonly a: boolean; readonly b: boolean }
  /** What the shader starts with. */
  readonly head?: string
  /** Rows and columns of C one workgroup makes. */
  readonly tile: readonly [rows: number, columns: number]
  body(c: MatmulCase): string
}

const both = () => ({ a: true, b: true })
const neither = () => ({ a: false, b: false })
/** Tiles in workgroup memory load by vec4 where an operand runs along the tile's lines. */
const alongLines: MatmulVariant['vectors'] = ({ loads, problem: { m, n } }) => ({
  a: loads?.a === 'row' && m % 4 === 0,
  b: loads?.b === 'column' && n % 4 === 0,
})
/** Formats that float16 holds exactly, with a shader that may use it. */
const inFloat16 = (d: DType) => d === 'float16' || d === 'float8_e4m3fn' || d === 'float8_e5m2'

/** Best first. All but the first run within WebGPU's default limits; the last one takes any strides and sizes. */
const variants: Readonly<Record<string, MatmulVariant>> = {
  'subgroup matrix': {
    applies: ({ adapter, dtypes, problem: { n, k } }) =>
      adapter.subgroupMatrix === true &&
      adapter.maxWorkgroupStorage >= subgroupMatrixStorage &&
      dtypes.every(inFloat16) &&
      n % 4 === 0 &&
      k > 0,
    suits: ({ problem: { m, n } }) => m >= 64 && n >= 64,
    vectors: neither,
    head: subgroupMatrixHead,
    tile: [subgroupMatrixSide, subgroupMatrixSide],
    body: subgroupMatrixTile,
  },
  'subgroup 8x4': {
    applies: ({ loads, adapter, problem }) => loads !== undefined && adapter.subgroupSize === 4 && problem.m >= 8,
    suits: () => true,
    vectors: both,
    head: 'enable subgroups;\n',
    tile: [8, 16],
    body: subgroupTile,
  },
  'shared 8x8': {
    applies: ({ problem: { k } }) => k > 0,
    suits: ({ problem: { m, n }, adapter }) => !adapter.software && m >= 256 && n >= 256,
    vectors: alongLines,
    tile: [128, 128],
    body: (c) => sharedTile(c, 8),
  },
  'shared 4x4': {
    applies: ({ problem: { k } }) => k > 0,
    suits: ({ problem: { m, n }, adapter }) => !adapter.software && m >= 32 && n >= 32,
    vectors: alongLines,
    tile: [64, 64],
    body: (c) => sharedTile(c, 4),
  },
  'direct 4x4 vec4': {
    applies: ({ loads }) => loads !== undefined,
    suits: () => true,
    vectors: both,
    tile: [32, 32],
    body: vectorTile,
  },
  'direct 4x4': {
    applies: () => true,
    suits: () => true,
    vectors: neither,
    tile: [32, 32],
    body: scalarTile,
  },
}

/** Names of the matmul variants, for pinning one. */
export const matmulVariants: readonly string[] = Object.keys(variants)

/** The pinned, else the tuned variant where it applies, else the first that applies and suits. */
function choose(c: Omit<MatmulCase, 'store'>, key: string): [name: string, variant: MatmulVariant] {
  for (const wanted of [c.adapter.pinned?.matmul, c.adapter.tuned?.get(key)])
    if (wanted !== undefined && variants[wanted]?.applies(c)) return [wanted, variants[wanted]]
  return Object.entries(variants).find(([, v]) => v.applies(c) && v.suits(c))!
}

/** A matrix in a buffer. */
export interface MatmulOperand {
  readonly dtype: DType
  readonly binding: Binding
}

/** One product as another kernel may ask for it: its operands are any bindings, and what becomes of the results is a statement. */
export interface MatmulRequest {
  readonly problem: MatmulProblem
  readonly a: MatmulOperand
  readonly b: MatmulOperand
  /** Where results go; without it they are stored in `c`. */
  readonly epilogue?: Epilogue
  readonly c?: MatmulOperand
  /** What the kernel is called in profiles, in place of `matmul`. */
  readonly label?: string
}

/** What the choice of a variant depends on, as text. */
function caseKey({ m, n, k, a, b }: MatmulProblem, dtypes: readonly DType[], batch: number): string {
  const layout = (x: MatrixAccess) => (x.columnStride === 1 ? 'N' : x.rowStride === 1 ? 'T' : 'S')
  return `matmul ${batch}x${m}x${n}x${k} ${layout(a)}${layout(b)} ${dtypes.join('*')}`
}

/** Whether epilogues can take the results of this product: they come in fours. */
export function storesVectors({ n }: MatmulProblem): boolean {
  return n % 4 === 0
}

function matmulChoice(request: MatmulRequest, adapter: AdapterTraits): { dispatch: Dispatch; tunable: Tunable } {
  const { problem, a, b, c, epilogue } = request
  const { m, n, k, batchShape } = problem
  const batch = batchCount(problem)
  const without = { problem, loads: vectorLoads(problem), dtypes: [a.dtype, b.dtype] as const, adapter }
  const key = caseKey(problem, without.dtypes, batch)
  const made = (name: string, variant: MatmulVariant): Dispatch => {
    const vectors = variant.vectors(without)
    const bufferC: ShaderBuffer | undefined = c && {
      name: 'c',
      dtype: c.dtype,
      write: true,
      vector: n % 4 === 0,
      length: extent(problem.c, m, n, batchShape),
    }
    const buffers: ShaderBuffer[] = [
      { name: 'a', dtype: a.dtype, vector: vectors.a, length: extent(problem.a, m, k, batchShape) },
      { name: 'b', dtype: b.dtype, vector: vectors.b, length: extent(problem.b, k, n, batchShape) },
      ...(epilogue?.buffers ?? [bufferC!]),
    ]
    const store = epilogue?.store ?? ((index: string, value: string) => `c_set4(${index}, ${value});`)
    return {
      name: `${request.label ?? 'matmul'} ${name}${epilogue?.name ? ` + ${epilogue.name}` : ''}`,
      wgsl:
        (variant.head ?? '') +
        shader(buffers, `${epilogue?.functions ?? ''}${variant.body({ ...without, store })}`, epilogue?.formats),
      bindings: [a.binding, b.binding, ...(epilogue?.bindings ?? [c!.binding])],
      workgroups: [Math.ceil(n / variant.tile[1]), Math.ceil(m / variant.tile[0]), batch],
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
        Object.entries(variants).flatMap(([other, v]) =>
          v.applies(without) ? [[other, { dispatches: [made(other, v)] }] as const] : [],
        ),
    },
  }
}

export function matmulDispatch(request: MatmulRequest, adapter: AdapterTraits): Dispatch {
  return matmulChoice(request, adapter).dispatch
}

/** Pieces of K when C is too small to occupy a GPU and K is long; 1 keeps it whole. */
function splits({ m, n, k }: MatmulProblem, batch: number, adapter: AdapterTraits): number {
  const pinned = adapter.pinned?.splitK
  const wanted = pinned ? Number(pinned) : adapter.software ? 1 : 96 / (Math.ceil(m / 64) * Math.ceil(n / 64) * batch)
  let pieces = 2 ** Math.floor(Math.log2(Math.max(1, Math.min(wanted, 32))))
  // Every piece a multiple of 16 deep, and deep enough to be worth a second pass over C.
  while (pieces > 1 && (k % (16 * pieces) !== 0 || (!pinned && k / pieces < 256))) pieces /= 2
  return pieces
}

/**
 * Whether rows of a transposed B lie so that a processor's cache puts them all into the same few places: multiples of 1 KiB apart. A
 * software adapter then reads every vector from further away; laying B out once costs less.
 */
function rowsCollide(problem: MatmulProblem, dtype: DType, adapter: AdapterTraits): boolean {
  const { m, b } = problem
  return (
    adapter.software &&
    adapter.pinned?.matmul === undefined &&
    m >= 128 &&
    vectorLoads(problem)?.b === 'row' &&
    (b.columnStride * bytesPerElement[dtype]) % 1024 === 0
  )
}

/** B laid out by rows in scratch memory, and the product that reads it there. */
function turnedB(problem: MatmulProblem, { dtype }: { readonly dtype: DType }) {
  const { n, k, b, batchShape } = problem
  const batch = batchCount(problem)
  const contiguous = batchShape.map((_, d) => n * k * batchShape.slice(d + 1).reduce((x, y) => x * y, 1))
  const laid: MatrixAccess = { offset: 0, batchStrides: contiguous, rowStride: n, columnStride: 1 }
  const buffers: ShaderBuffer[] = [
    { name: 'b', dtype, vector: true, length: extent(b, k, n, batchShape) },
    { name: 'laid', dtype: 'float32', write: true, vector: true, length: batch * n * k },
  ]
  const blocks = (n / 4) * (k / 4)
  const body = linearEntry(
    16,
    `  if (id >= ${blocks * batch}u) { return; }
  let z = id / ${blocks}u;
  let block = id % ${blocks}u;
  let row = (block / ${n / 4}u) * 4u;
  let col = (block % ${n / 4}u) * 4u;
${bases({ ...problem, a: laid, c: laid }, 'z')}
${four.map((r) => `  let u${r} = b_at4(baseB + (col + ${r}u) * ${b.columnStride}u + row);`).join('\n')}
${four.map((r) => `  laid_set4(baseC + (row + ${r}u) * ${n}u + col, vec4<f32>(u0[${r}], u1[${r}], u2[${r}], u3[${r}]));`).join('\n')}`,
  )
  return {
    problem: { ...problem, b: laid },
    b: { dtype: 'float32', binding: { scratch: 0 } } satisfies MatmulOperand,
    bytes: batch * n * k * 4,
    dispatch: {
      name: 'matmul lay out b',
      wgsl: shader(buffers, body),
      bindings: [{ input: 1 }, { scratch: 0 }],
      workgroups: workgroupsFor(blocks * batch, 16),
      flops: 0,
    } satisfies Dispatch,
  }
}

export const matmulWgsl: WebGpuRule<unknown> = {
  supports: (_, attrs) => (attrs as { dtype: string }).dtype === 'float32',
  fusesResult: (_, [out]) => out.shape[out.shape.length - 1] % 4 === 0,
  plan: ({ inputs, outputs: [out] }, adapter, epilogue) => {
    const [a, b] = inputs
    const problem = matmulProblem(a, b)
    const batch = batchCount(problem)
    const { m, n, k } = problem
    if (m * n * batch === 0) return { dispatches: [] }
    const operands = { a: { dtype: a.dtype, binding: { input: 0 } }, b: { dtype: b.dtype, binding: { input: 1 } } }
    const c = { dtype: out.dtype, binding: { output: 0 } }
    const pieces = storesVectors(problem) ? splits(problem, batch, adapter) : 1
    if (pieces === 1) {
      const request = { problem, ...operands, c: epilogue ? undefined : c, epilogue }
      if (rowsCollide(problem, b.dtype, adapter)) {
        const turned = turnedB(problem, b)
        const { dispatch } = matmulChoice({ ...request, problem: turned.problem, b: turned.b }, adapter)
        return { dispatches: [turned.dispatch, dispatch], scratch: [turned.bytes] }
      }
      const { dispatch, tunable } = matmulChoice(request, adapter)
      return { dispatches: [dispatch], tunable }
    }

    // Each piece of K is one more batch whose product lands in scratch; a second pass adds the pieces up in order.
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
        matmulDispatch({ problem: parts, ...operands, c: { dtype: 'float32', binding: { scratch: 0 } } }, adapter),
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
  },
}
