/** Writes checkpoints and deletes old ones; a crash at any moment loses no complete checkpoint. Node only. */
import { join } from 'node:path'
import { type SafetensorsTensor, safetensorsChunks } from '@kumiki/models/safetensors'
import { diskError } from '../disk-error.ts'
import type { TrainerSnapshot } from '../snapshot.ts'
import { type Disk, type FileChecksum, nodeDisk } from './disk.ts'
import { listCheckpoints } from './list.ts'
import { type CheckpointContext, type CheckpointManifest, writeManifest } from './manifest.ts'

export interface SaveOptions {
  /** Number of newest checkpoints to keep, including this one. Default 2. */
  readonly keep?: number
  /** Also keep the newest checkpoint before this step, for a run whose loss diverged there. */
  readonly keepBefore?: number
  /** Also keep all checkpoints at multiples of this step count. Default: none. */
  readonly keepEvery?: number
  /** Maximum bytes of a state file, unless a single tensor is larger. Default 2 GiB. */
  readonly shardBytes?: number
  readonly context?: CheckpointContext
  readonly disk?: Disk
}

let counter = 0

/**
 * Writes a checkpoint to a temporary folder, renames it when it is complete, then deletes old checkpoints.
 * @returns its path
 * @throws Error naming the file that cannot be written; existing checkpoints are unchanged
 * @example
 * const data = batches({ documents, eosId: 2, batchSize: 2, sequenceLength: 8 })
 * const trainer = Trainer.create({ device, model, data, optimizer, schedule })
 * await saveCheckpoint('runs/two', await trainer.snapshot())
 * trainer.dispose()
 * const { snapshot } = await loadNewestCheckpoint('runs/two')
 * snapshot.step // 0
 */
export async function saveCheckpoint(
  runFolder: string,
  snapshot: TrainerSnapshot,
  options: SaveOptions = {},
): Promise<string> {
  const { disk = nodeDisk, keep = 2, keepEvery, shardBytes = 2 ** 31, context = {} } = options
  if (!Number.isInteger(keep) || keep < 1)
    throw new RangeError(`saveCheckpoint: keep must be an integer of at least 1, got ${keep}`)
  if (keepEvery !== undefined && (!Number.isInteger(keepEvery) || keepEvery < 1))
    throw new RangeError(`saveCheckpoint: keepEvery must be an integer of at least 1, got ${keepEvery}`)
  const root = join(runFolder, 'checkpoints')
  const name = `step-${String(snapshot.step).padStart(8, '0')}`
  const temporary = join(root, `.${name}.${process.pid}.${counter++}.tmp`)
  await disk.makeFolder(root)
  const before = await listCheckpoints(runFolder)
  try {
    await disk.makeFolder(temporary)
    const files: Record<string, FileChecksum> = {}
    const shards = shardsOf(snapshot, shardBytes)
    for (const [i, shard] of shards.entries()) {
      const file =
        shards.length === 1 ? 'state.safetensors' : `state-${five(i + 1)}-of-${five(shards.length)}.safetensors`
      files[file] = await disk.write(join(temporary, file), stateChunks(snapshot.step, shard))
    }
    const { step, tokens, batches, frozen } = snapshot
    const manifest: CheckpointManifest = {
      version: 2,
      serial: 1 + Math.max(0, ...before.map((c) => c.manifest?.serial ?? 0)),
      step,
      tokens,
      batches,
      ...(frozen && { frozen }),
      saved: new Date().toISOString(),
      files,
      ...context,
    }
    await disk.write(join(temporary, 'checkpoint.json'), [new TextEncoder().encode(writeManifest(manifest))])
    await disk.settle(temporary)
    // A run that went back to an earlier step reaches the same steps again. Its checkpoints get new names, and none is
    // overwritten.
    const names = await disk.list(root)
    let target = name
    for (let n = 2; names.includes(target) || names.includes(`${target}.damaged`); n++) target = `${name}-${n}`
    await disk.rename(temporary, join(root, target))
    await disk.settle(root)
    await dropOldest(runFolder, { keep, keepBefore: options.keepBefore, keepEvery }, disk)
    return join(root, target)
  } catch (error) {
    await disk.remove(temporary).catch(() => {})
    throw diskError(root, error, 'existing checkpoints are intact')
  }
}

const five = (n: number) => String(n).padStart(5, '0')

type StateArray = readonly [name: string, array: { readonly shape: readonly number[]; readonly data: Float32Array }]

/** Splits the arrays, in order, into files of at most `shardBytes`. */
function shardsOf({ arrays }: TrainerSnapshot, shardBytes: number): StateArray[][] {
  const shards: StateArray[][] = [[]]
  let bytes = 0
  for (const entry of arrays) {
    const size = entry[1].data.byteLength
    if (bytes > 0 && bytes + size > shardBytes) {
      shards.push([])
      bytes = 0
    }
    shards[shards.length - 1].push(entry)
    bytes += size
  }
  return shards
}

function stateChunks(step: number, arrays: readonly StateArray[]): AsyncIterable<Uint8Array> {
  const tensors = arrays.map(
    ([name, { shape, data }]): SafetensorsTensor => ({
      name,
      dtype: 'F32',
      shape,
      data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    }),
  )
  return safetensorsChunks(tensors, { format: 'kumiki', step: String(step) })
}

/**
 * Deletes checkpoints that are not to be kept, as each save does at its end. A process that crashed there left one too
 * many.
 */
export async function dropOldest(
  runFolder: string,
  { keep = 2, keepBefore, keepEvery }: Pick<SaveOptions, 'keep' | 'keepBefore' | 'keepEvery'>,
  disk: Disk = nodeDisk,
): Promise<void> {
  const all = await listCheckpoints(runFolder)
  const kept = new Set(all.slice(-keep))
  const early = keepBefore === undefined ? undefined : all.findLast((c) => c.manifest && c.step < keepBefore)
  if (early) kept.add(early)
  for (const checkpoint of all) {
    // Unreadable checkpoints are kept for inspection.
    if (kept.has(checkpoint) || !checkpoint.manifest) continue
    if (keepEvery !== undefined && checkpoint.step % keepEvery === 0) continue
    // Renamed first, so that a partly deleted folder does not look like a checkpoint.
    const aside = join(runFolder, 'checkpoints', `.${checkpoint.name}.${process.pid}.removed.tmp`)
    await disk.rename(checkpoint.path, aside)
    await disk.remove(aside)
  }
}
