/** A disk in memory for tests of training under a memory limit. */
import type { Spill } from '../src/training/spill.ts'
import { filesOf, newState, type TrainingState, type Workspace } from '../src/training/workspace.ts'

/** Files in memory that outlive a training; `endAfter` writes it is ended, as by a kill. */
export class MemoryDisk {
  readonly files = new Map<string, Uint8Array>()
  saved = JSON.stringify(newState())
  written: string[] = []
  endAfter = Number.MAX_SAFE_INTEGER

  workspace(budget: number): Workspace {
    const state = JSON.parse(this.saved) as TrainingState
    const known = filesOf(state)
    for (const name of this.files.keys()) if (!known.includes(name)) this.files.delete(name)
    const save = () => {
      this.step()
      this.saved = JSON.stringify(state)
    }
    return { budget, ceiling: Number.POSITIVE_INFINITY, spill: this.spill(), state, save }
  }

  private step(): void {
    if (this.endAfter-- <= 0) throw new Error('ended')
  }

  private spill(): Spill {
    return {
      write: (name) => {
        const parts: Uint8Array[] = []
        return {
          append: (bytes) => {
            parts.push(bytes.slice())
          },
          close: () => {
            this.step()
            this.written.push(name)
            this.files.set(name, Buffer.concat(parts))
          },
        }
      },
      read: (name) => {
        const bytes = this.files.get(name)
        if (!bytes) throw new Error(`${name} is not there`)
        let at = 0
        return {
          read(into) {
            const part = bytes.subarray(at, at + into.length)
            into.set(part)
            at += part.length
            return part.length
          },
          close() {},
        }
      },
      remove: (name) => {
        this.step()
        this.files.delete(name)
      },
      collect() {},
    }
  }
}
