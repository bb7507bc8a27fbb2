/** A temporary folder for the run, removed at the end with everything that tests wrote into it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

let folder: string | undefined

export function setup(): void {
  folder = mkdtempSync(join(tmpdir(), 'kumiki-tests-'))
  process.env.TMPDIR = folder // the workers start after this and inherit it
}

export function teardown(): void {
  if (folder) rmSync(folder, { recursive: true, force: true }) // there is none where an earlier setup failed
}
