// Weights in panels: eight rows interleaved, in the order in which products read them, in the same memory.
//
// A product of one row, as when a token is decoded, takes the time of reading the weights. Of rows as they are, eight
// are read at a time, two kilobytes or so of each, which is too short for the processor to fetch ahead; panels are read
// in one stream, and need no transposing or packing.

import { bytesPerElement } from '../../dtype.ts'
import type { Plan, Step } from '../../passes/plan.ts'
import type { CpuPlan } from './rule.ts'
import type { ThreadPool } from './thread-pool.ts'
import type { Panels, WasmBuffer, WasmMemory } from './wasm-memory.ts'

/**
 * From this run in a row on, of programs that all could read it so, a matrix is put into panels: that takes as long as
 * a few products of one row, and as long again if another program then reads or writes rows.
 */
const enoughReads = 3

/** The inputs of a program, by slot, that each of its steps could read in panels. */
export function panelSlots(
  { steps, slots, inputSlots }: Plan,
  plans: ReadonlyMap<Step, CpuPlan>,
  donated: ReadonlySet<number>,
): ReadonlyMap<number, Panels> {
  const found = new Map<number, Panels | undefined>()
  for (const step of steps) {
    const panels = plans.get(step)?.fromPanels
    step.inputs.forEach(({ slot, dtype }, i) => {
      const { elements } = slots[slot]
      const rows = panels?.input === i && elements % panels.k === 0 ? elements / panels.k : 0
      const known = found.get(slot)
      const fits = rows >= 8 && (rows % 8 === 0 || panels!.rest) && (!found.has(slot) || known?.k === panels!.k)
      found.set(slot, fits ? { count: Math.floor(rows / 8), k: panels!.k, size: bytesPerElement[dtype] } : undefined)
    })
  }
  const kept = new Map<number, Panels>()
  inputSlots.forEach((slot, i) => {
    const panels = found.get(slot)
    if (panels && !donated.has(i)) kept.set(slot, panels)
  })
  return kept
}

/** Puts matrices into panels and back. */
export class PanelMemory {
  private readonly memory: WasmMemory
  private readonly pool: ThreadPool

  constructor(memory: WasmMemory, pool: ThreadPool) {
    this.memory = memory
    this.pool = pool
  }

  /**
   * Prepares the inputs of a program.
   * @param wanted for each input, the panels it can be read in, if any
   * @returns for each input, whether it is in panels
   */
  arrange(inputs: readonly WasmBuffer[], wanted: readonly (Panels | undefined)[]): boolean[] {
    const asRows = new Set(inputs.filter((_, i) => !wanted[i]))
    for (const buffer of asRows) this.toRows(buffer)
    inputs.forEach((buffer, i) => {
      const panels = wanted[i]
      if (!panels || asRows.has(buffer)) return
      if (buffer.panels && buffer.panels.k !== panels.k) this.toRows(buffer)
      buffer.panelReads = (buffer.panelReads ?? 0) + 1
      if (buffer.panels || buffer.panelReads < enoughReads) return
      this.interleave(buffer, panels, false)
      buffer.panels = panels
    })
    // Asked again at the end: one buffer may be several inputs.
    return inputs.map(({ panels }, i) => panels !== undefined && panels.k === wanted[i]?.k)
  }

  /** Puts a matrix back into rows, if it is in panels. */
  toRows(buffer: WasmBuffer): void {
    if (buffer.panels) this.interleave(buffer, buffer.panels, true)
    buffer.panels = undefined
    buffer.panelReads = 0
  }

  private interleave({ pointer }: WasmBuffer, { count, k, size }: Panels, back: boolean): void {
    const { memory, pool } = this
    const stride = Math.ceil((8 * k * size) / 64) * 64
    const scratch = memory.allocate(stride * pool.threads)
    const args = [pointer, size, k, back ? 1 : 0, scratch.pointer]
    pool.run(pool.kernel('interleaveRows'), count, Math.ceil(4096 / k), args, args.length - 1, stride)
    memory.release(scratch)
  }
}
