/** `checkpoint.json`: where a run stood, and the seals of the files that go with it. Node only. */
import { createHash } from 'node:crypto'
import type { TrainerSnapshot } from '../snapshot.ts'
import type { FileSeal } from './disk.ts'

const version = 2

/** What a run says about itself in each of its checkpoints; plain JSON. */
export interface CheckpointContext {
  /** The run's own id: a checkpoint of another run is none of this one's. */
  readonly run?: string
  /** Seconds of training over all processes. */
  readonly seconds?: number
  /** What the steps so far were made with (rate, batch, precision, device, ...). */
  readonly made?: Readonly<Record<string, unknown>>
}

export interface CheckpointManifest extends CheckpointContext {
  readonly version: typeof version
  /** Counts the checkpoints of a folder in the order they were made: what is newest does not hang on steps or clocks. */
  readonly serial: number
  readonly step: number
  readonly tokens: number
  readonly batches: TrainerSnapshot['batches']
  /** Parameters that were frozen, whose values no checkpoint holds: the SHA-256 of each. */
  readonly frozen?: TrainerSnapshot['frozen']
  /** ISO time. */
  readonly saved: string
  readonly files: Readonly<Record<string, FileSeal>>
}

const seal = (text: string) => createHash('sha256').update(text).digest('hex')

/** The manifest as a file: with a checksum of itself, so that position and state cannot be changed apart from each other. */
export function writeManifest(manifest: CheckpointManifest): string {
  return `${JSON.stringify({ ...manifest, sha256: seal(JSON.stringify(manifest)) }, null, 2)}\n`
}

/** @throws Error that says what is wrong, without the file's name */
export function readManifest(text: string): CheckpointManifest {
  let json: Record<string, unknown>
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw new Error(`is not JSON (${(error as Error).message.slice(0, 120)})`)
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new Error('is not a JSON object')
  if (json.version !== version)
    throw new Error(`is of version ${JSON.stringify(json.version) ?? 'none'}, this program reads ${version}`)
  const { sha256, ...manifest } = json
  if (sha256 !== seal(JSON.stringify(manifest))) throw new Error('does not match its own checksum')
  for (const field of ['serial', 'step', 'tokens'] as const)
    if (!Number.isSafeInteger(manifest[field]) || (manifest[field] as number) < 0)
      throw new Error(`${field} must be a non-negative integer, got ${JSON.stringify(manifest[field])}`)
  const files = manifest.files as Record<string, FileSeal> | undefined
  if (typeof files !== 'object' || files === null || stateFiles(files).length === 0)
    throw new Error('names no state.safetensors')
  for (const name of stateFiles(files))
    if (typeof files[name]?.sha256 !== 'string') throw new Error(`has no checksum of ${name}`)
  const { frozen = {} } = manifest
  if (typeof frozen !== 'object' || frozen === null || Object.values(frozen).some((hex) => !/^[0-9a-f]{64}$/.test(hex)))
    throw new Error('frozen must hold a SHA-256 for each parameter')
  return manifest as unknown as CheckpointManifest
}

/** Names of the files that hold the state: one, or several in order. */
export function stateFiles(files: Readonly<Record<string, FileSeal>>): string[] {
  const names = Object.keys(files).filter((name) => /^state(-\d{5}-of-\d{5})?\.safetensors$/.test(name))
  return names.sort()
}
