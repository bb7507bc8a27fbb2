/** `checkpoint.json`: a run's position, and checksums of the checkpoint's files. Node only. */
import { createHash } from 'node:crypto'
import type { TrainerSnapshot } from '../snapshot.ts'
import type { FileChecksum } from './disk.ts'

const version = 2

/** What a run records about itself in each of its checkpoints; plain JSON. */
export interface CheckpointContext {
  /** The run's id, which distinguishes its checkpoints from those of other runs. */
  readonly run?: string
  /** Training time in seconds, over all processes of the run. */
  readonly seconds?: number
  /** Settings of the steps so far (learning rate, batch size, precision, device, ...). */
  readonly made?: Readonly<Record<string, unknown>>
}

export interface CheckpointManifest extends CheckpointContext {
  readonly version: typeof version
  /**
   * Serial number in the order of writing, so that the newest checkpoint does not depend on steps or clocks.
   */
  readonly serial: number
  readonly step: number
  readonly tokens: number
  readonly batches: TrainerSnapshot['batches']
  /** SHA-256 of each frozen parameter; checkpoints do not store their values. */
  readonly frozen?: TrainerSnapshot['frozen']
  /** Time of the save, ISO 8601. */
  readonly saved: string
  readonly files: Readonly<Record<string, FileChecksum>>
}

const hashOf = (text: string) => createHash('sha256').update(text).digest('hex')

/**
 * Serializes a manifest with its own checksum, so that position and state cannot be changed independently.
 */
export function writeManifest(manifest: CheckpointManifest): string {
  return `${JSON.stringify({ ...manifest, sha256: hashOf(JSON.stringify(manifest)) }, null, 2)}\n`
}

/** Parses checkpoint.json. @throws Error with the fault, without the file's name */
export function readManifest(text: string): CheckpointManifest {
  let json: Record<string, unknown>
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw new Error(`is not JSON (${(error as Error).message.slice(0, 120)})`)
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new Error('is not a JSON object')
  if (json.version !== version)
    throw new Error(`has version ${JSON.stringify(json.version) ?? 'none'}, but only version ${version} is supported`)
  const { sha256, ...manifest } = json
  if (sha256 !== hashOf(JSON.stringify(manifest))) throw new Error('does not match its own checksum')
  for (const field of ['serial', 'step', 'tokens'] as const)
    if (!Number.isSafeInteger(manifest[field]) || (manifest[field] as number) < 0)
      throw new Error(`${field} must be a non-negative integer, got ${JSON.stringify(manifest[field])}`)
  const files = manifest.files as Record<string, FileChecksum> | undefined
  if (typeof files !== 'object' || files === null || stateFiles(files).length === 0)
    throw new Error('lists no state.safetensors')
  for (const name of stateFiles(files))
    if (typeof files[name]?.sha256 !== 'string') throw new Error(`has no checksum of ${name}`)
  const { frozen = {} } = manifest
  if (typeof frozen !== 'object' || frozen === null || Object.values(frozen).some((hex) => !/^[0-9a-f]{64}$/.test(hex)))
    throw new Error('frozen must hold a SHA-256 for each parameter')
  return manifest as unknown as CheckpointManifest
}

/** Names of the state files, one or several in order. */
export function stateFiles(files: Readonly<Record<string, FileChecksum>>): string[] {
  const names = Object.keys(files).filter((name) => /^state(-\d{5}-of-\d{5})?\.safetensors$/.test(name))
  return names.sort()
}
