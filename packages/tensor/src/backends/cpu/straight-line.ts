// Functions of the prebuilt kernels whose code is copied into fused kernels: a call from module to module costs as much
// as the function itself, and the vectors in registers do not survive it.

import { type FunctionBody, unsigned } from '@kumiki/wasm'

/** A function (v128) -> v128 without branches and calls. */
export interface StraightLine {
  /** Vectors that it needs besides its argument, which is local 0. */
  readonly locals: number
  /** The bytes of each instruction. */
  readonly code: readonly (readonly number[])[]
}

const load32Splat = 0x09
const v128Const = 0x0c

/** Whether an instruction reads (0x20), sets (0x21) or tees (0x22) a local variable. */
const isLocal = (opcode: number) => opcode >= 0x20 && opcode <= 0x22

/**
 * Appends the code of a function, which replaces the vector on the stack by the result.
 * @param locals `1 + line.locals` vectors, which it overwrites
 */
export function appendStraightLine(f: FunctionBody, line: StraightLine, locals: readonly number[]): void {
  f.set(locals[0])
  for (const instruction of line.code) {
    const [opcode, local] = instruction
    if (isLocal(opcode)) f.code.push(opcode, ...unsigned(locals[local]))
    else f.code.push(...instruction)
  }
}

/**
 * The exported functions of a module that are straight lines of code, by name: local variables, vector instructions and
 * loads from constant addresses.
 * @param bytes a module that the engine has compiled, with imported memory and no imported function (WebAssembly core
 *   specification 2.0, chapter 5)
 * @param memory that of an instance, with the constants that the functions load
 */
export function straightLines(bytes: Uint8Array, memory: ArrayBufferLike): Map<string, StraightLine> {
  let at = 8
  const number = () => {
    for (let value = 0, shift = 0; ; shift += 7) {
      const byte = bytes[at++]
      value += (byte & 127) * 2 ** shift
      if (byte < 128) return value
    }
  }
  const sections: number[] = []
  for (let size: number; at < bytes.length; at += size) {
    const id = bytes[at++]
    size = number()
    sections[id] = at
  }
  at = sections[10]
  const bodies = Array.from({ length: number() }, () => {
    const size = number()
    at += size
    return { start: at - size, end: at }
  })
  const found = new Map<string, StraightLine>()
  at = sections[7]
  for (let left = number(); left > 0; left--) {
    const size = number()
    const name = String.fromCharCode(...bytes.subarray(at, at + size))
    at += size + 1
    const { start, end } = bodies[number()]
    const next = at
    at = start
    const line = straightLine(end)
    if (line) found.set(name, line)
    at = next
  }
  return found

  function straightLine(end: number): StraightLine | undefined {
    let locals = 0
    for (let groups = number(); groups > 0; groups--) {
      locals += number()
      if (bytes[at++] !== 0x7b) return // only v128
    }
    const code: number[][] = []
    const written = new Set([0])
    /** The number that the instruction before pushed. */
    let constant: number | undefined
    while (at < end - 1) {
      const start = at
      const opcode = bytes[at++]
      const address = constant
      constant = undefined
      if (opcode === 0x41 || opcode === 0x42)
        constant = number() // an i32 or, where addresses have 64 bits, an i64
      else if (opcode === 0xfd && bytes[at] === load32Splat) {
        // A constant that is loaded becomes a constant, which the engine computes once before a loop.
        if (address === undefined) return
        at += 2 // and the alignment
        const word = [...new Uint8Array(memory, address + number(), 4)]
        code[code.length - 1] = [0xfd, v128Const, ...word, ...word, ...word, ...word]
        continue
      } else if (opcode === 0xfd) skipImmediates(number())
      else if (isLocal(opcode)) {
        const local = number()
        if (opcode !== 0x20) written.add(local)
        // A local that is read before it is written is 0, which the copy's need not be.
        else if (!written.has(local)) return
      } else return
      code.push([...bytes.subarray(start, at)])
    }
    return { locals, code }
  }

  function skipImmediates(instruction: number): void {
    const lane = instruction >= 0x54 && instruction <= 0x5b
    if (instruction <= 0x0b || instruction === 0x5c || instruction === 0x5d || lane) {
      number() // alignment
      number() // offset
    }
    if (instruction === v128Const || instruction === 0x0d) at += 16
    if (lane || (instruction >= 0x15 && instruction <= 0x22)) at++
  }
}
