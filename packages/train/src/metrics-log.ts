/** metrics.jsonl: one object a step. Node only. */
import { open, readFile } from 'node:fs/promises'
import { writeFileAtomically } from './atomic-file.ts'
import type { StepMetrics } from './trainer.ts'

/** Appends steps to a file; a resumed run first drops the steps after its checkpoint. */
export class MetricsLog {
  private readonly path: string
  private file: Awaited<ReturnType<typeof open>> | undefined

  private constructor(path: string) {
    this.path = path
  }

  /** @param keepThrough steps above it are dropped from a file that is there already */
  static async open(path: string, keepThrough = 0): Promise<MetricsLog> {
    const log = new MetricsLog(path)
    const text = await readFile(path, 'utf8').catch(() => '')
    const kept = text.split('\n').filter((line) => {
      try {
        return JSON.parse(line).step <= keepThrough
      } catch {
        return false // a line that was half written when the run was killed
      }
    })
    await writeFileAtomically(path, kept.map((line) => `${line}\n`).join(''))
    log.file = await open(path, 'a')
    return log
  }

  async append(metrics: StepMetrics): Promise<void> {
    try {
      await this.file!.appendFile(`${JSON.stringify(metrics)}\n`)
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      throw new Error(
        code === 'ENOSPC'
          ? `${this.path}: the disk is full; the last checkpoint is safe. Free some space and resume the run`
          : `${this.path}: ${message}`,
        { cause: error },
      )
    }
  }

  async close(): Promise<void> {
    await this.file?.close()
    this.file = undefined
  }
}
