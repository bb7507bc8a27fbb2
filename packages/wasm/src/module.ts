// A module is its sections in ascending order (WebAssembly core specification 2.0, section 5.5). Each section has a
// function of its own, so that a bundler drops the unused ones. No top-level code calls anything, because a bundler
// would have to keep the call.

import { unsigned } from './leb128.ts'

export const valueType = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b } as const
export type ValueType = keyof typeof valueType
type Bytes = readonly number[]

/** Content behind its length in bytes. */
export const sized = (content: Bytes): number[] => [...unsigned(content.length), ...content]

const text = (s: string) => sized([...new TextEncoder().encode(s)])
const list = (items: readonly Bytes[]) => [...unsigned(items.length), ...items.flat()]
const section = (id: number, items: readonly Bytes[]) => [id, ...sized(list(items))]

/** Section 1: what `functionType` gives. */
export const typeSection = (items: readonly Bytes[]): number[] => section(1, items)
export function functionType(parameters: readonly ValueType[], results: readonly ValueType[] = []): number[] {
  const types = (names: readonly ValueType[]) => list(names.map((name) => [valueType[name]]))
  return [0x60, ...types(parameters), ...types(results)]
}

/** Section 2: what the two functions below give. */
export const importSection = (items: readonly Bytes[]): number[] => section(2, items)
export const functionImport = (module: string, name: string, type: number): number[] => [
  ...[...text(module), ...text(name), 0],
  ...unsigned(type),
]
/** What a memory is declared as: pages of 64 KiB, and addresses of 32 bits or of 64 (memory64, WebAssembly 3.0). */
export interface MemoryLimits {
  readonly pages: number
  /** A memory that is shared between threads states it. */
  readonly maximum?: number
  readonly shared?: boolean
  readonly address?: 'i32' | 'i64'
}

const limits = ({ pages, maximum, shared, address }: MemoryLimits) => [
  (maximum === undefined ? 0 : 1) | (shared ? 2 : 0) | (address === 'i64' ? 4 : 0),
  ...[pages, ...(maximum === undefined ? [] : [maximum])].flatMap(unsigned),
]

export const memoryImport = (module: string, name: string, memory: MemoryLimits): number[] => [
  ...[...text(module), ...text(name), 2],
  ...limits(memory),
]

/** Section 3: the type of each function that section 10 has the code of. */
export const functionSection = (types: readonly number[]): number[] => section(3, types.map(unsigned))

/** Section 5: one memory. */
export const memorySection = (memory: MemoryLimits): number[] => section(5, [limits(memory)])

/** Section 7: what the two functions below give. Indices of functions count the imported ones first. */
export const exportSection = (items: readonly Bytes[]): number[] => section(7, items)
export const functionExport = (name: string, index: number): number[] => [...text(name), 0, ...unsigned(index)]
export const memoryExport = (name: string): number[] => [...text(name), 2, 0]

/** Section 10: what `FunctionBody.bytes()` gives for each function. */
export const codeSection = (items: readonly Bytes[]): number[] => section(10, items)

/**
 * The bytes of a module.
 * @example
 * encodeModule(
 *   typeSection([functionType(['i32', 'i32'], ['i32'])]),
 *   functionSection([0]),
 *   exportSection([functionExport('add', 0)]),
 *   codeSection([new FunctionBody(2).get(0).get(1).op('i32.add').bytes()]),
 * )
 */
export const encodeModule = (...sections: Bytes[]): Uint8Array<ArrayBuffer> =>
  Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...sections.flat()])
