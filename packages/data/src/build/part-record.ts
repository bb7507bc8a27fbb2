/** The record that a finished part of a build leaves: how many documents and tokens it has. Node only. */
import { readFileSync } from 'node:fs'
import type { PartRecord } from './build-part.ts'

/** @throws Error naming a file that is cut or has been changed, and what to do */
export function readPartRecord(path: string): PartRecord {
  let record: Partial<PartRecord> | null = null
  try {
    record = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    // What is not JSON fails the check below.
    if (!(error instanceof SyntaxError)) throw error
  }
  const { documents, tokens, empty, counts } = record ?? {}
  if (![documents, tokens, empty].every(Number.isSafeInteger) || typeof counts !== 'object' || counts === null)
    throw new Error(`${path}: is not the record of a finished part; remove it and build its shard again`)
  return record as PartRecord
}
