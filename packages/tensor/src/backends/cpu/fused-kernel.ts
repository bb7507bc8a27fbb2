// The compiler of the CPU backend: a fused step becomes one WebAssembly SIMD loop.

import { FunctionBody } from '@kumiki/wasm'
import { bytesPerElement, computeType, type DType, dtypeInfo } from '../../dtype.ts'
import { coalesce } from '../../passes/access.ts'
import type { Fused, Leaf } from '../../passes/plan.ts'
import { elementCount } from '../../shape.ts'
import type { AddressType } from './addressing.ts'
import { blockOf, callOf, codeOf, scalarOf, shortcuts } from './fused-instructions.ts'
import type { KernelFunction } from './kernel-module.ts'
import { appendStraightLine, type StraightLine } from './straight-line.ts'

/** Bytes of two vectors: the first, or the last, four 16-bit codes of the second above the zeros of the first. */
const codesAbove = (first: number) =>
  [0, 1, 2, 3].flatMap((i) => [0, 16].flatMap((from) => [0, 1].map((byte) => from + 2 * (first + i) + byte)))

export interface FusedKernel {
  readonly fn: KernelFunction
  /** Parallel extent: rows of the outer dimensions, or blocks of four elements of a single one. */
  readonly count: number
  readonly grain: number
}

/** By bytes per element: the instruction that loads one lane, and how many lanes of that width a 32-bit lane holds. */
const laneLoads: Record<number, readonly ['v128.load32_lane' | 'v128.load16_lane' | 'v128.load8_lane', number]> = {
  4: ['v128.load32_lane', 1],
  2: ['v128.load16_lane', 2],
  1: ['v128.load8_lane', 4],
}
const laneStores: Record<number, 'v128.store32_lane' | 'v128.store16_lane' | 'v128.store8_lane'> = {
  4: 'v128.store32_lane',
  2: 'v128.store16_lane',
  1: 'v128.store8_lane',
}
const bits = new DataView(new ArrayBuffer(4))

function word(value: number, dtype: DType): number {
  if (computeType(dtype) !== 'f32') return value | 0
  bits.setFloat32(0, value)
  return bits.getInt32(0)
}

/**
 * One loop over the index space of a fused step, four elements at a time: all leaves are loaded, the nodes follow each
 * other in vector registers, results are stored last (so a result may take over the memory of an operand at the same
 * positions). Parameters: start, end, thread, then a pointer for each memory leaf and each result. `functions` are the
 * imports, see `calledFunctions`; the code of `lines` is copied.
 */
export function fusedKernel(
  fused: Fused,
  outputs: readonly DType[],
  name: string,
  functions: readonly string[],
  lines: ReadonlyMap<string, StraightLine>,
  address: AddressType,
): FusedKernel {
  const { leaves, nodes, results } = fused
  const walked = leaves.map((l) => (l.kind === 'constant' || l.kind === 'value' ? undefined : l.access.strides))
  const withOutput = [
    fused.shape.map((_, i) => elementCount(fused.shape.slice(i + 1))),
    ...walked.map((s) => s ?? fused.shape.map(() => 0)),
  ]
  const { shape, strides } = coalesce(fused.shape, withOutput)
  const inner = shape.length === 0 ? 1 : shape[shape.length - 1]
  const outer = shape.slice(0, -1)
  const innerStride = (k: number) => (shape.length === 0 ? 0 : strides[k][strides[k].length - 1])
  const flat = outer.length === 0

  const memoryLeaves = leaves.flatMap((l, i) => (l.kind === 'memory' ? [i] : []))
  const parameters = 3 + memoryLeaves.length + outputs.length
  const f = new FunctionBody(parameters)
  const wide = address === 'i64'
  const pointers = Array.from({ length: parameters - 3 }, (_, i) => {
    if (!wide) return 3 + i
    const local = f.local('i64')
    f.get(3 + i)
      .op('i64.trunc_f64_u')
      .set(local)
    return local
  })
  const pointer = new Map(memoryLeaves.map((l, i) => [l, pointers[i]]))
  const outPointer = pointers.slice(memoryLeaves.length)
  /** From a base address and an index on the stack the address of element `stride` times the index. */
  const elementAt = (size: number, stride = 1) => {
    if (!wide) {
      if (stride === 1) f.constant(Math.log2(size)).op('i32.shl')
      else f.constant(stride * size).op('i32.mul')
      f.op('i32.add')
      return
    }
    if (stride !== 1) f.constant(stride).op('i32.mul')
    f.op('i64.extend_i32_s').constant64(Math.log2(size)).op('i64.shl').op('i64.add')
  }

  const row = f.local('i32')
  const i = f.local('i32')
  /** Where a block ends that is computed again. */
  const stop = f.local('i32')
  const bases = leaves.map((l) => (l.kind === 'constant' ? -1 : f.local(l.kind === 'memory' ? address : 'i32')))
  const outBases = outputs.map(() => f.local(address))
  /** Leaves that are the same for the whole row. */
  const fixed = leaves.map((l, k) => l.kind === 'constant' || innerStride(k + 1) === 0)
  const constants = leaves.map((_, k) => (fixed[k] ? f.local('v128') : -1))
  const block = blockOf(fused, inner)
  /** The vectors of a block, by leaf and node. */
  const values = Array.from({ length: block }, () =>
    [...leaves, ...nodes].map((_, k) => (fixed[k] ? constants[k] : f.local('v128'))),
  )
  /** Codes of results in narrow formats, kept from their rounding so that the store does not encode them again. */
  const codes = values.map(() =>
    nodes.map((n, k) =>
      dtypeInfo[n.dtype].lanes && !n.op.identity && results.includes(leaves.length + k) ? f.local('v128') : undefined,
    ),
  )
  const temporary = f.local('v128')
  const index = f.local('i32')
  /** Vectors of the functions whose code is copied. */
  const scratch: number[] = []

  /** Whether shortcuts may be used; then the largest arguments so far, doubled, by their limit. */
  let guards: Map<number, number> | undefined
  const guardOf = new Map<number, number>()
  const call = (name: string) => {
    const shortcut = guards && shortcuts[name]
    const line = lines.get(shortcut?.name ?? name)
    if (!line) {
      f.call(functions.indexOf(name))
      return
    }
    while (scratch.length <= line.locals) scratch.push(f.local('v128'))
    if (shortcut) guard(shortcut.limit)
    appendStraightLine(f, line, scratch)
  }
  /** Keeps the vector on the stack, and the largest magnitudes: doubling a float's bits drops its sign. */
  const guard = (limit: number) => {
    let kept = guardOf.get(limit)
    if (kept === undefined) guardOf.set(limit, (kept = f.local('v128')))
    f.tee(scratch[0]).get(scratch[0]).get(scratch[0]).op('i32x4.add')
    if (guards!.has(limit)) f.get(kept).op('i32x4.max_u')
    f.set(kept)
    guards!.set(limit, kept)
  }
  const sizeOf = (d: DType) => bytesPerElement[d]
  const decode = (dtype: DType) => {
    const by = dtypeInfo[dtype].lanes?.decode
    if (dtype === 'bfloat16') f.constant(16).op('i32x4.shl')
    else if (by) call(by)
  }

  /** Per row: sets the pointers to its first elements and loads the operands that do not change along it. */
  const startRow = () => {
    leaves.forEach((leaf, l) => {
      if (leaf.kind === 'constant') f.splatConstant(word(leaf.value, leaf.dtype)).set(constants[l])
      if (leaf.kind === 'constant' || leaf.kind === 'value') return
      if (leaf.kind === 'memory') f.get(pointer.get(l)!)
      f.constant(leaf.access.offset)
      addOuter(strides[l + 1])
      if (leaf.kind === 'memory') elementAt(sizeOf(leaf.dtype))
      f.set(bases[l])
      if (!fixed[l]) return
      if (leaf.kind === 'index') f.get(bases[l]).op('i32x4.splat')
      else if (sizeOf(leaf.dtype) === 4) f.get(bases[l]).memory('v128.load32_splat')
      else {
        const wide = sizeOf(leaf.dtype) === 2
        f.get(bases[l])
          .memory(wide ? 'v128.load16_splat' : 'v128.load8_splat')
          .splatConstant(wide ? 0xffff : 0xff)
          .op('v128.and')
        decode(leaf.dtype)
      }
      f.set(constants[l])
    })
    outputs.forEach((dtype, o) => {
      f.get(outPointer[o]).constant(0)
      addOuter(strides[0])
      elementAt(sizeOf(dtype))
      f.set(outBases[o])
    })
  }
  const addOuter = (s: readonly number[]) => {
    outer.forEach((size, d) => {
      if (s[d] === 0) return
      const below = outer.slice(d + 1).reduce((a, b) => a * b, 1)
      f.get(row)
      if (below > 1) f.constant(below).op('i32.div_u')
      if (d > 0) f.constant(size).op('i32.rem_u')
      f.constant(s[d]).op('i32.mul').op('i32.add')
    })
  }

  /** Vector k of `vectors`, 1 or an even number. */
  const load = (l: number, k: number, vectors: number) => {
    const leaf = leaves[l]
    if (leaf.kind === 'constant' || fixed[l]) return // loaded by startRow
    const value = values[k][l]
    const stride = innerStride(l + 1)
    if (leaf.kind === 'index') {
      f.get(i).constant(stride).op('i32.mul').get(bases[l]).op('i32.add').op('i32x4.splat')
      f.vectorConstant([0, 1, 2, 3].map((lane) => (4 * k + lane) * stride))
        .op('i32x4.add')
        .set(value)
      return
    }
    const size = sizeOf(leaf.dtype)
    if (stride === 1 && leaf.dtype === 'bfloat16' && vectors > 1) {
      // Two vectors by one load: codes are the upper halves of floats.
      if (k % 2 === 1) return
      f.get(bases[l]).get(i)
      elementAt(2)
      f.memory('v128.load', 8 * k).set(temporary)
      f.splatConstant(0).get(temporary).shuffle(codesAbove(0)).set(value)
      f.splatConstant(0)
        .get(temporary)
        .shuffle(codesAbove(4))
        .set(values[k + 1][l])
      return
    }
    if (stride === 1) {
      f.get(bases[l]).get(i)
      elementAt(size)
      f.memory(size === 4 ? 'v128.load' : size === 2 ? 'v128.load16x4_u' : 'v128.load32_zero', 4 * k * size)
      if (size === 1) f.op('i16x8.extend_low_i8x16_u').op('i32x4.extend_low_i16x8_u')
    } else {
      f.splatConstant(0).set(value)
      for (let lane = 0; lane < 4; lane++) {
        // Lanes past the end read the last element again: a strided load must not leave the buffer.
        f.get(bases[l])
          .get(i)
          .constant(4 * k + lane)
          .op('i32.add')
          .tee(index)
          .constant(inner - 1)
          .get(index)
          .constant(inner - 1)
          .op('i32.lt_u')
          .op('select')
        elementAt(size, stride)
        f.get(value)
        const [load, width] = laneLoads[size]
        f.lane(load, lane * width).set(value)
      }
      f.get(value)
    }
    decode(leaf.dtype)
    f.set(value)
  }

  const compute = (n: number, k: number) => {
    const node = nodes[n]
    const code = codeOf(node)!
    const operand = (arg: number) => f.get(values[k][node.args[arg]])
    if (!code.some((step) => typeof step === 'number')) for (const arg of node.args.keys()) operand(arg)
    for (const step of code) {
      const called = callOf(step)
      const scalar = scalarOf(step)
      if (typeof step === 'number') operand(step)
      else if (called !== undefined) call(called)
      else if (scalar !== undefined) f.constant((leaves[node.args[scalar]] as Leaf & { kind: 'constant' }).value)
      else if (step === 'ones') f.splatConstant(word(1, node.dtype))
      else if (step === 'zeros') f.splatConstant(0)
      else f.op(step)
    }
    // A narrow result is rounded at once, as if it had been stored and read again.
    const narrow = dtypeInfo[node.dtype].lanes
    if (narrow && !node.op.identity) {
      call(narrow.encode)
      const kept = codes[k][n]
      if (kept !== undefined && !nodes.some(({ args }) => args.includes(leaves.length + n))) {
        f.set(kept) // no other node reads the value
        return
      }
      if (kept !== undefined) f.tee(kept)
      decode(node.dtype)
    }
    f.set(values[k][leaves.length + n])
  }

  const outAddress = (o: number) => {
    f.get(outBases[o]).get(i)
    elementAt(sizeOf(outputs[o]))
  }
  const encoded = (o: number, k: number) => {
    const made = codes[k][results[o] - leaves.length]
    f.get(made ?? values[k][results[o]])
    const narrow = dtypeInfo[outputs[o]].lanes
    if (narrow && made === undefined) call(narrow.encode)
  }
  const packed = (o: number, k: number) => {
    encoded(o, k)
    if (sizeOf(outputs[o]) < 4) f.tee(temporary).get(temporary).op('i16x8.narrow_i32x4_u')
    if (sizeOf(outputs[o]) === 1) f.tee(temporary).get(temporary).op('i8x16.narrow_i16x8_u')
  }
  const store = (o: number, k: number, vectors: number) => {
    const size = sizeOf(outputs[o])
    const two = size === 2 && vectors > 1
    if (two && k % 2 === 1) return
    outAddress(o)
    if (two) {
      encoded(o, k)
      encoded(o, k + 1)
      f.op('i16x8.narrow_i32x4_u').memory('v128.store', 8 * k)
      return
    }
    packed(o, k)
    if (size === 4) f.memory('v128.store', 4 * k * size)
    else f.lane(size === 2 ? 'v128.store64_lane' : 'v128.store32_lane', 0, 4 * k * size)
  }
  const storeSome = (o: number) => {
    const size = sizeOf(outputs[o])
    packed(o, 0)
    f.set(temporary)
    for (let lane = 0; lane < 3; lane++) {
      f.get(i).constant(lane).op('i32.add').constant(inner).op('i32.lt_u')
      f.when(() => {
        f.get(outBases[o]).get(i).constant(lane).op('i32.add')
        elementAt(size)
        f.get(temporary).lane(laneStores[size], lane)
      })
    }
  }
  const vectorsOf = (vectors: number) => Array.from({ length: vectors }, (_, k) => k)
  const body = (vectors: number) => {
    for (const k of vectorsOf(vectors)) for (const l of leaves.keys()) load(l, k, vectors)
    for (const k of vectorsOf(vectors)) for (const n of nodes.keys()) compute(n, k)
  }
  const storeAll = (vectors: number) => {
    for (const k of vectorsOf(vectors)) for (const o of outputs.keys()) store(o, k, vectors)
    f.get(i)
      .constant(4 * vectors)
      .op('i32.add')
      .set(i)
  }
  /** Elements i, i + 1, ... below `end`, `vectors` vectors at a time as long as there are so many. */
  const loop = (vectors: number, end: () => void) => {
    const more = () => {
      f.get(i)
        .constant(4 * vectors)
        .op('i32.add')
      end()
      f.op('i32.le_u')
    }
    const block = () => {
      if (vectors > 1) guards = new Map()
      body(vectors)
      const used = [...(guards ?? [])]
      guards = undefined
      if (used.length === 0) {
        storeAll(vectors)
        return
      }
      used.forEach(([limit, largest], n) => {
        const above = 2 * word(limit, 'float32') + 1
        f.get(largest).splatConstant(above).op('i32x4.ge_u')
        if (n > 0) f.op('v128.or')
      })
      f.op('v128.any_true').when(
        () => {
          f.get(i)
            .constant(4 * vectors)
            .op('i32.add')
            .set(stop)
          loop(1, () => f.get(stop))
        },
        () => storeAll(vectors),
      )
    }
    more()
    f.when(() => f.repeat(block, more))
  }

  if (flat) {
    // Buffers are padded to 16 bytes, so the last block may be stored whole.
    startRow()
    f.get(0).constant(2).op('i32.shl').set(i).get(1).constant(2).op('i32.shl').set(row)
    for (const vectors of block > 1 ? [block, 1] : [1]) loop(vectors, () => f.get(row))
    return {
      fn: { name, parameters, body: f },
      count: Math.ceil(inner / 4),
      grain: Math.max(1, Math.ceil(16384 / nodes.length)),
    }
  }
  f.get(0).set(row)
  f.repeat(
    () => {
      startRow()
      f.constant(0).set(i)
      for (const vectors of block > 1 ? [block, 1] : [1]) loop(vectors, () => f.constant(inner))
      if (inner % 4 !== 0) {
        body(1)
        for (const o of outputs.keys()) storeSome(o)
      }
    },
    () => f.get(row).constant(1).op('i32.add').tee(row).get(1).op('i32.lt_u'),
  )
  const rows = outer.reduce((a, b) => a * b, 1)
  return { fn: { name, parameters, body: f }, count: rows, grain: Math.max(1, Math.ceil(65536 / nodes.length / inner)) }
}
