/** Loads checkpoints: verifies checksums, and finds the newest intact one. Node only. */
import { createHash } from 'node:crypto'
import { readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { openFileRanges } from '@kumiki/models/node'
import { openSafetensors, type RangeSource } from '@kumiki/models/safetensors'
import { writeFileAtomically } from '../atomic-file.ts'
import type { TrainerSnapshot } from '../snapshot.ts'
import type { FileChecksum } from './disk.ts'
import { type CheckpointEntry, listCheckpoints } from './list.ts'
import { type CheckpointManifest, readManifest, stateFiles, writeManifest } from './manifest.ts'

export interface LoadedCheckpoint {
  readonly path: string
  readonly snapshot: TrainerSnapshot
  readonly manifest: CheckpointManifest
}

/**
 * Reads a checkpoint and verifies all of its bytes by checksum. Files may be of any size.
 * @param options.chunkBytes largest single read in bytes; default 64 MiB
 * @throws Error naming the file, for a checkpoint that is missing, truncated, modified, or mixed from two
 */
export async function loadCheckpoint(
  folder: string,
  options: { readonly chunkBytes?: number } = {},
): Promise<TrainerSnapshot> {
  return (await read(folder, options)).snapshot
}

async function read(folder: string, options: { readonly chunkBytes?: number } = {}): Promise<LoadedCheckpoint> {
  const manifestFile = join(folder, 'checkpoint.json')
  const text = await readFile(manifestFile, 'utf8').catch((error) => {
    throw new Error(
      `${manifestFile}: cannot be read (${error.code ?? error.message}); give the folder of a checkpoint (RUN/checkpoints/step-...)`,
    )
  })
  let manifest: CheckpointManifest
  try {
    manifest = readManifest(text)
  } catch (error) {
    throw new Error(`${manifestFile}: ${(error as Error).message}; use another checkpoint`)
  }
  const arrays: StateArrays = new Map()
  for (const name of stateFiles(manifest.files)) {
    const path = join(folder, name)
    const file = await openFileRanges(path, options.chunkBytes)
    try {
      for (const [key, array] of await readState(path, file, manifest.files[name])) arrays.set(key, array)
    } finally {
      await file.close()
    }
  }
  const { step, tokens, batches, frozen } = manifest
  return { path: folder, manifest, snapshot: { step, tokens, batches, arrays, ...(frozen && { frozen }) } }
}

type StateArrays = Map<string, { shape: readonly number[]; data: Float32Array }>

const hashBytes = 2 ** 26

/** Reads all arrays of a state file and verifies its checksum. */
async function readState(path: string, file: RangeSource, wanted: FileChecksum): Promise<TrainerSnapshot['arrays']> {
  const broken = (fault: string) => new Error(`${path}: ${fault}; the file is damaged; use another checkpoint`)
  if (file.size !== wanted.bytes) throw broken(`has ${file.size} bytes, but checkpoint.json records ${wanted.bytes}`)
  const hash = createHash('sha256')
  const hashed: RangeSource = {
    size: file.size,
    async read(at, length) {
      const bytes = await file.read(at, length)
      // One hash update accepts less than 2 GiB.
      for (let from = 0; from < length; from += hashBytes) hash.update(bytes.subarray(from, from + hashBytes))
      return bytes
    },
  }
  const arrays = new Map<string, { shape: readonly number[]; data: Float32Array }>()
  try {
    // Reading the header, then tensors in file order, hashes every byte once.
    const reader = await openSafetensors(hashed)
    for (const { name, dtype, shape } of reader.tensors.values()) {
      if (dtype !== 'F32') throw new RangeError(`array ${name} is ${dtype}, not F32`)
      const bytes = await reader.read(name)
      arrays.set(name, { shape, data: new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4) })
    }
  } catch (error) {
    throw broken((error as Error).message)
  }
  if (hash.digest('hex') !== wanted.sha256)
    throw broken('its checksum does not match: its bytes changed, or it belongs to another step')
  return arrays
}

export interface FindOptions {
  /** Run id; checkpoints of other runs are rejected. */
  readonly run?: string
  /** Step of the checkpoint to load; default: the newest. */
  readonly step?: number
  /** Called with every checkpoint that is skipped, and the reason. */
  readonly onFault?: (checkpoint: CheckpointEntry, fault: string) => void
}

/**
 * The newest intact checkpoint of a run, or that of a given step. Skipped checkpoints are renamed to `NAME.damaged`.
 * The checkpoint of a given step becomes the newest, so that the run continues from it. The caller must hold the run
 * folder's lock.
 * @returns undefined if the run has no checkpoint yet
 * @throws Error if none is intact, or none is of that step
 * @example await loadNewestCheckpoint('runs') // undefined
 */
export async function loadNewestCheckpoint(
  runFolder: string,
  options: FindOptions = {},
): Promise<LoadedCheckpoint | undefined> {
  const all = (await listCheckpoints(runFolder)).reverse()
  // Unreadable checkpoints come first, so that they are reported even if an intact one exists.
  const unread = all.filter(({ manifest }) => !manifest)
  const ordered = [...unread, ...all.filter(({ manifest }) => manifest)]
  const wanted = options.step === undefined ? ordered : ordered.filter(({ step }) => step === options.step)
  if (options.step !== undefined && wanted.length === 0) {
    const steps = all.map(({ step }) => step).sort((a, b) => a - b)
    throw new Error(
      `${runFolder}: no checkpoint of step ${options.step}; available steps: ${steps.join(', ') || 'none'}`,
    )
  }
  const faults: string[] = []
  const damaged: CheckpointEntry[] = []
  for (const entry of wanted) {
    try {
      if (!entry.manifest) throw new Error(entry.fault)
      if (options.run !== undefined && entry.manifest.run !== options.run)
        throw new Error(`${entry.path}: belongs to another run`)
      const loaded = await read(entry.path)
      for (const one of damaged) await rename(one.path, `${one.path}.damaged`).catch(() => {})
      return options.step === undefined ? loaded : await makeNewest(loaded, all)
    } catch (error) {
      faults.push((error as Error).message)
      damaged.push(entry)
      options.onFault?.(entry, (error as Error).message)
    }
  }
  if (wanted.length === 0) return undefined
  throw new Error(
    `${runFolder}: no intact ${options.step === undefined ? 'checkpoint' : `checkpoint of step ${options.step}`}: ${faults.join('; ')}`,
  )
}

async function makeNewest(loaded: LoadedCheckpoint, all: readonly CheckpointEntry[]): Promise<LoadedCheckpoint> {
  const newest = Math.max(...all.map((c) => c.manifest?.serial ?? 0))
  if (loaded.manifest.serial === newest) return loaded
  const manifest = { ...loaded.manifest, serial: newest + 1 }
  await writeFileAtomically(join(loaded.path, 'checkpoint.json'), writeManifest(manifest))
  return { ...loaded, manifest }
}
