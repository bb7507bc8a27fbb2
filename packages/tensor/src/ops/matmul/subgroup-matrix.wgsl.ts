// The matrix product by subgroup matrices, on adapters that have them.

import type { SubgroupMatrixConfig } from '../../backends/webgpu/rule.ts'
import { bases, four, type MatmulCase, type MatmulVariant, range } from './case.ts'
import {
  type Major,
  type MatrixSyntax,
  matrixComponents,
  matrixConfigFor,
  matrixSyntax,
} from './subgroup-matrix-syntax.ts'

/** The tile of a workgroup of four subgroups, two by two, with matrices of one configuration. */
interface Geometry {
  /** Rows and columns of C that a workgroup computes: each subgroup 4 x 4 matrices. */
  readonly rows: number
  readonly columns: number
  /** Columns of A (rows of B) in workgroup memory at a time. */
  readonly depth: number
}

function geometry({ M, N, K }: SubgroupMatrixConfig): Geometry {
  return { rows: 8 * M, columns: 8 * N, depth: Math.max(32, K) }
}

/** Rows and columns of C that a workgroup computes. */
export function subgroupMatrixTileSize(c: Omit<MatmulCase, 'store'>): readonly [rows: number, columns: number] {
  const { rows, columns } = geometry(matrixConfigFor(c.dtypes, c.adapter)!)
  return [rows, columns]
}

/** The directives of a shader with subgroup matrices. */
function subgroupMatrixHead(c: Omit<MatmulCase, 'store'>): string {
  return matrixSyntax(matrixConfigFor(c.dtypes, c.adapter)!, c.adapter.subgroupMatrix!).head
}

/** Bytes of workgroup memory. */
function subgroupMatrixStorage(c: Omit<MatmulCase, 'store'>): number {
  const config = matrixConfigFor(c.dtypes, c.adapter)!
  const { bytes } = matrixComponents[config.componentType]
  const elements = tileOf('a', c, config).elements + tileOf('b', c, config).elements
  return elements * bytes + 4 * config.M * config.N * 4
}

/** A tile of an operand in workgroup memory: lines of elements, padded by 16 bytes against bank conflicts. */
interface Tile {
  readonly major: Major
  readonly stride: number
  readonly elements: number
  /** Whether the operand is copied to the tile in whole words. */
  readonly words: boolean
  /** Statements that fill the tile from step p on. */
  readonly fill: (threads: number) => string
  /**
   * The start of a matrix in the tile: `line` lines past the subgroup's first one (`own`), `step` steps past the
   * tile's.
   */
  readonly at: (own: string, line: number, step: number) => string
}

function tileOf(name: 'a' | 'b', c: Omit<MatmulCase, 'store'>, config: SubgroupMatrixConfig): Tile {
  const { perElement } = matrixComponents[config.componentType]
  return perElement === 1 ? valueTile(name, c, config) : codeTile(name, c, config)
}

/** The parts of the problem that concern one operand, by lines: rows of A or columns of B. */
function operandOf(
  name: 'a' | 'b',
  { problem: { m, n, a, b } }: Omit<MatmulCase, 'store'>,
  config: SubgroupMatrixConfig,
) {
  const { rows, columns } = geometry(config)
  return name === 'a'
    ? { limit: m, lines: rows, from: 'rowBase', base: 'baseA', lineStride: a.rowStride, stepStride: a.columnStride }
    : {
        limit: n,
        lines: columns,
        from: 'columnBase',
        base: 'baseB',
        lineStride: b.columnStride,
        stepStride: b.rowStride,
      }
}

/** A tile of values of any dtype, converted to the component type; both tiles are stored row by row. */
function valueTile(name: 'a' | 'b', c: Omit<MatmulCase, 'store'>, config: SubgroupMatrixConfig): Tile {
  const { depth } = geometry(config)
  const { limit, lines, from, base, lineStride, stepStride } = operandOf(name, c, config)
  const { memory, bytes } = matrixComponents[config.componentType]
  const padding = 16 / bytes
  const stride = (name === 'a' ? depth : lines) + padding
  // Adjacent invocations load elements that are adjacent in memory.
  const along = name === 'a' ? stepStride !== 1 && lineStride === 1 : lineStride === 1 || stepStride !== 1
  const [line, step] = along ? [`at % ${lines}u`, `at / ${lines}u`] : [`at / ${depth}u`, `at % ${depth}u`]
  const target = name === 'a' ? `line * ${stride}u + q` : `q * ${stride}u + line`
  return {
    major: 'row_major',
    stride,
    elements: (name === 'a' ? lines : depth) * stride,
    words: false,
    at: (own, line, step) =>
      name === 'a' ? `(${own} + ${line}u) * ${stride}u + ${step}u` : `${step}u * ${stride}u + ${own} + ${line}u`,
    fill: (threads) => `    for (var e = 0u; e < ${(lines * depth) / threads}u; e++) {
      let at = e * ${threads}u + local;
      let line = ${line};
      let q = ${step};
      let first = ${from} + line;
      var value = 0.0;
      if (first < ${limit}u && p + q < ${c.problem.k}u) { value = ${name}_at(${base} + first * ${lineStride}u + (p + q) * ${stepStride}u); }
      tile_${name}[${target}] = ${memory === 'f16' ? 'f16(value)' : 'value'};
    }`,
  }
}

/**
 * A tile of codes, packed in words: its lines have the direction in which the operand is contiguous in memory, and
 * matrices are loaded row-major or column-major accordingly. Words are copied if they are aligned, else assembled.
 */
function codeTile(name: 'a' | 'b', c: Omit<MatmulCase, 'store'>, config: SubgroupMatrixConfig): Tile {
  const { depth } = geometry(config)
  const { limit, lines, from, base, lineStride, stepStride } = operandOf(name, c, config)
  const { perElement: per } = matrixComponents[config.componentType]
  const { k } = c.problem
  const alongSteps = name === 'a' ? stepStride === 1 || lineStride !== 1 : stepStride === 1 && lineStride !== 1
  const [runs, length] = alongSteps ? [lines, depth / per] : [depth, lines / per]
  const stride = length + 4
  const words = c.loads?.[name] === (alongSteps === (name === 'a') ? 'column' : 'row')
  const position = (i: number) => {
    const [first, step] = alongSteps ? ['first', i ? `step + ${i}u` : 'step'] : [i ? `first + ${i}u` : 'first', 'step']
    return {
      inside: `${first} < ${limit}u && ${step} < ${k}u`,
      index: `${base} + (${first}) * ${lineStride}u + (${step}) * ${stepStride}u`,
    }
  }
  const take = words
    ? `      if (${position(0).inside}) { value = ${name}_word(${position(0).index}); }`
    : range(per)
        .map(
          (i) =>
            `      if (${position(i).inside}) { value |= ${name}_code(${position(i).index}) << ${(32 / per) * i}u; }`,
        )
        .join('\n')
  return {
    major: alongSteps === (name === 'a') ? 'row_major' : 'col_major',
    stride,
    elements: runs * stride,
    words,
    at: (own, line, step) =>
      alongSteps
        ? `(${own} + ${line}u) * ${stride}u + ${step / per}u`
        : `${step}u * ${stride}u + (${own} + ${line}u) / ${per}u`,
    fill: (threads) => `    for (var e = 0u; e < ${(runs * length) / threads}u; e++) {
      let at = e * ${threads}u + local;
      let run = at / ${length}u;
      let word = at % ${length}u;
      let first = ${from} + ${alongSteps ? 'run' : `word * ${per}u`};
      let step = p + ${alongSteps ? `word * ${per}u` : 'run'};
      var value = 0u;
${take}
      tile_${name}[run * ${stride}u + word] = value;
    }`,
  }
}

/** WGSL that reads codes of a buffer without decoding them: a word of codes, or one code. */
function codeReaders(name: 'a' | 'b', per: number, words: boolean): string {
  const [shift, mask] = [Math.log2(per), per - 1]
  const bits = 32 / per
  return words
    ? `fn ${name}_word(i: u32) -> u32 { return ${name}[i >> ${shift}u]; }\n`
    : `fn ${name}_code(i: u32) -> u32 { return (${name}[i >> ${shift}u] >> ((i & ${mask}u) * ${bits}u)) & ${2 ** bits - 1}u; }\n`
}

/**
 * Four subgroups, two by two, compute 4 x 4 matrices each, with float32 sums. Both tiles are loaded into workgroup
 * memory: as float16 or float32 values, which represent the operands exactly, or as codes. Shaders cannot read elements
 * of matrices, so results are stored by way of workgroup memory.
 * @param syntax the syntax of matrices; default: the adapter's
 */
export function subgroupMatrixTile(c: MatmulCase, syntax?: MatrixSyntax): string {
  const { problem, store, adapter, dtypes } = c
  const { m, n, k, c: out } = problem
  const config = matrixConfigFor(dtypes, adapter)!
  const { lanes } = adapter.subgroupMatrix!
  const s = syntax ?? matrixSyntax(config, adapter.subgroupMatrix!)
  const { memory, perElement } = matrixComponents[config.componentType]
  const { M, N, K } = config
  const { rows, columns, depth } = geometry(config)
  const threads = 4 * lanes
  const [a, b] = [tileOf('a', c, config), tileOf('b', c, config)]
  const left = (i: number, q: number) => s.loadLeft('tile_a', a.at('rowOwn', M * i, q), a.stride, a.major)
  const right = (j: number, q: number) => s.loadRight('tile_b', b.at('columnOwn', N * j, q), b.stride, b.major)
  const multiply = range(depth / K).map(
    (step) => `    {
${four.map((i) => `      let a${i} = ${left(i, K * step)};`).join('\n')}
${four
  .map(
    (j) =>
      `      let b${j} = ${right(j, K * step)};\n${four.map((i) => `      c${i}_${j} = ${s.multiplyAdd(`a${i}`, `b${j}`, `c${i}_${j}`)};`).join('\n')}`,
  )
  .join('\n')}
    }`,
  )
  const [elements, across] = [M * N, N / 4]
  const iterations = Math.ceil(elements / 4 / lanes)
  const inside = elements / 4 < iterations * lanes ? `at < ${elements / 4}u && ` : ''
  const results = four.flatMap((i) =>
    four.map(
      (j) => `  ${s.store('result', `own * ${elements}u`, `c${i}_${j}`, N)};
  workgroupBarrier();
  for (var e = 0u; e < ${iterations}u; e++) {
    let at = e * ${lanes}u + local % ${lanes}u;
    let row = rowBase + rowOwn + ${M * i}u + at / ${across}u;
    let col = columnBase + columnOwn + ${N * j}u + (at % ${across}u) * 4u;
    let start = own * ${elements}u + at * 4u;
    if (${inside}row < ${m}u && col < ${n}u) {
      let v = vec4<f32>(result[start], result[start + 1u], result[start + 2u], result[start + 3u]);
      ${store(`baseC + row * ${out.rowStride}u + col`, 'v')}
    }
  }
  workgroupBarrier();`,
    ),
  )
  const readers = perElement > 1 ? codeReaders('a', perElement, a.words) + codeReaders('b', perElement, b.words) : ''
  return `${s.functions ?? ''}${readers}var<workgroup> tile_a: array<${memory}, ${a.elements}>;
var<workgroup> tile_b: array<${memory}, ${b.elements}>;
var<workgroup> result: array<f32, ${4 * elements}>;
@compute @workgroup_size(${threads})${s.attribute}
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
  let own = local / ${lanes}u;
  let rowOwn = (own / 2u) * ${rows / 2}u;
  let columnOwn = (own % 2u) * ${columns / 2}u;
  let rowBase = group.y * ${rows}u;
  let columnBase = group.x * ${columns}u;
${bases(problem, 'group.z')}
${four.map((i) => four.map((j) => `  var c${i}_${j}: ${s.result};`).join('\n')).join('\n')}
  for (var p = 0u; p < ${k}u; p += ${depth}u) {
${a.fill(threads)}
${b.fill(threads)}
    workgroupBarrier();
${multiply.join('\n')}
    workgroupBarrier();
  }
${results.join('\n')}
}`
}

/** The variant of matmul; `AdapterTraits.subgroupMatrixKernel`. */
export const subgroupMatrixKernel: MatmulVariant = {
  isSupported: (c) =>
    matrixConfigFor(c.dtypes, c.adapter) !== undefined &&
    c.adapter.maxWorkgroupStorage >= subgroupMatrixStorage(c) &&
    c.problem.n % 4 === 0 &&
    c.problem.k > 0,
  // float32 matrices have not been measured against tiles: they are only used if pinned, or by the tuner.
  isPreferred: ({ dtypes, adapter, problem: { m, n } }) =>
    m >= 64 && n >= 64 && matrixConfigFor(dtypes, adapter)?.componentType !== 'f32',
  vectors: () => ({ a: false, b: false }),
  head: subgroupMatrixHead,
  tile: subgroupMatrixTileSize,
  body: (c) => subgroupMatrixTile(c),
}
