/** Rewrites a WebAssembly module so that it reports every access to memory before making it, for tests. */
import binaryen from 'assemblyscript/binaryen'

/** What an instrumented module imports as `bounds`. */
export interface AccessReports {
  /** Returns the pointer. `store` is 0 for a load. */
  access(pointer: number, offset: number, bytes: number, store: number): number
  /** Operands of a bulk instruction: the pointer to be written, the one to be read, the number of bytes. */
  written(pointer: number): number
  read(pointer: number): number
  length(bytes: number): number
}

type Expression = number
type Info = Record<string, number | number[]>
/** The setters of Binaryen's expressions, which its declarations leave out. */
type Setters = Record<string, Record<string, (of: Expression, to: Expression) => void>>
const set = binaryen as unknown as Setters
const b = binaryen

/** The operands of each kind of expression that kernels have. */
const operands = new Map<number, readonly string[]>([
  [b.BlockId, ['children']],
  [b.IfId, ['condition', 'ifTrue', 'ifFalse']],
  [b.LoopId, ['body']],
  [b.BreakId, ['condition', 'value']],
  [b.SwitchId, ['condition', 'value']],
  [b.CallId, ['operands']],
  [b.LocalGetId, []],
  [b.LocalSetId, ['value']],
  [b.GlobalGetId, []],
  [b.GlobalSetId, ['value']],
  [b.LoadId, ['ptr']],
  [b.StoreId, ['ptr', 'value']],
  [b.ConstId, []],
  [b.UnaryId, ['value']],
  [b.BinaryId, ['left', 'right']],
  [b.SelectId, ['ifTrue', 'ifFalse', 'condition']],
  [b.DropId, ['value']],
  [b.ReturnId, ['value']],
  [b.NopId, []],
  [b.UnreachableId, []],
  [b.SIMDExtractId, ['vec']],
  [b.SIMDReplaceId, ['vec', 'value']],
  [b.SIMDShuffleId, ['left', 'right']],
  [b.SIMDTernaryId, ['a', 'b', 'c']],
  [b.SIMDShiftId, ['vec', 'shift']],
  [b.SIMDLoadId, ['ptr']],
  [b.SIMDLoadStoreLaneId, ['ptr', 'vec']],
  [b.MemoryCopyId, ['dest', 'source', 'size']],
  [b.MemoryFillId, ['dest', 'value', 'size']],
])

/** Bytes that the operations of a kind of expression load or store. */
const widths = (...groups: readonly (readonly [bytes: number, operations: readonly number[]])[]) =>
  new Map(groups.flatMap(([bytes, operations]) => operations.map((operation) => [operation, bytes] as const)))
// The operations of each kind are counted from 0.
const loads = widths(
  [1, [b.Load8SplatVec128]],
  [2, [b.Load16SplatVec128]],
  [4, [b.Load32SplatVec128, b.Load32ZeroVec128]],
  [8, [b.Load64SplatVec128, b.Load64ZeroVec128]],
  [8, [b.Load8x8SVec128, b.Load8x8UVec128, b.Load16x4SVec128, b.Load16x4UVec128]],
  [8, [b.Load32x2SVec128, b.Load32x2UVec128]],
)
const laneLoads = widths(
  [1, [b.Load8LaneVec128]],
  [2, [b.Load16LaneVec128]],
  [4, [b.Load32LaneVec128]],
  [8, [b.Load64LaneVec128]],
)
const laneStores = widths(
  [1, [b.Store8LaneVec128]],
  [2, [b.Store16LaneVec128]],
  [4, [b.Store32LaneVec128]],
  [8, [b.Store64LaneVec128]],
)

/**
 * The module with a call before every load and store, lanes and bulk instructions included.
 * @throws Error for an instruction that kernels do not have, and that this does not know
 */
export function instrumentedModule(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const module = binaryen.readBinaryWithFeatures(bytes, binaryen.Features.All)
  const { i32, i64, f64 } = binaryen
  // Of each function one for addresses of 32 bits and one for those of 64, which are given as f64.
  for (const type of [i32, f64]) {
    const add = (name: string, more: number[]) =>
      module.addFunctionImport(`${name} ${type}`, 'bounds', name, binaryen.createType([type, ...more]), type)
    add('access', [i32, i32, i32])
    for (const name of ['written', 'read', 'length']) add(name, [])
  }

  const report = (name: string, of: number | number[], ...more: number[]) => {
    const address = of as Expression
    const rest = more.map((n) => module.i32.const(n))
    if (binaryen.getExpressionType(address) !== i64) return module.call(`${name} ${i32}`, [address, ...rest], i32)
    const number = module.f64.convert_u.i64(address)
    return module.i64.trunc_u.f64(module.call(`${name} ${f64}`, [number, ...rest], f64))
  }
  const access = ({ ptr, offset }: Info, width: number, store: boolean) =>
    report('access', ptr, offset as number, width, Number(store))
  const walk = (expression: Expression): void => {
    if (expression === 0) return // an operand that is left out
    const info = binaryen.getExpressionInfo(expression) as unknown as Info
    const { id, op, bytes: width } = info as Record<string, number>
    const list = operands.get(id)
    if (!list) throw new Error(`instrumentedModule: expressions of kind ${id} are not known`)
    for (const operand of list) for (const one of [info[operand]].flat()) walk(one)
    if (id === b.LoadId) set.Load.setPtr(expression, access(info, width, false))
    else if (id === b.StoreId) set.Store.setPtr(expression, access(info, width, true))
    else if (id === b.SIMDLoadId) set.SIMDLoad.setPtr(expression, access(info, loads.get(op)!, false))
    else if (id === b.SIMDLoadStoreLaneId)
      set.SIMDLoadStoreLane.setPtr(
        expression,
        access(info, (laneLoads.get(op) ?? laneStores.get(op))!, laneStores.has(op)),
      )
    else if (id === b.MemoryFillId) {
      set.MemoryFill.setDest(expression, report('written', info.dest))
      set.MemoryFill.setSize(expression, report('length', info.size))
    } else if (id === b.MemoryCopyId) {
      set.MemoryCopy.setDest(expression, report('written', info.dest))
      set.MemoryCopy.setSource(expression, report('read', info.source))
      set.MemoryCopy.setSize(expression, report('length', info.size))
    }
  }
  for (let k = 0; k < module.getNumFunctions(); k++) {
    const { body } = binaryen.getFunctionInfo(module.getFunctionByIndex(k))
    walk(body)
  }
  const made = Uint8Array.from(module.emitBinary())
  module.dispose()
  return made
}
