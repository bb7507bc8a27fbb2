/** Writing checkpoints and dropping old ones, so that a process that dies at any moment loses nothing. Node only. */
import { join } from 'node:path'
import { type SafetensorsTensor, safetensorsChunks } from '@kumiki/models/safetensors'
import { diskError } from '../disk-error.ts'
import type { TrainerSnapshot } from '../snapshot.ts'
import { type Disk, type FileSeal, nodeDisk } from './disk.ts'
import { listCheckpoints } from './list.ts'
import { type CheckpointContext, type CheckpointManifest, writeManifest } from './manifest.ts'

export interface SaveOptions {
  /** How many of the newest stay, this one included. Default 2. */
  readonly keep?: number
  /** Another that stays: the newest made before this step. For a run whose loss has gone wrong since. */
  readonly keepBefore?: number
  /** Others that stay for good: those of steps that this divides. Default: none. */
  readonly keepEvery?: number
  /** Bytes of a file of the state at most, where a single tensor is not larger. Default 2 GiB. */
  readonly shardBytes?: number
  readonly context?: CheckpointContext
  readonly disk?: Disk
}

let counter = 0

/**
 * Writes a checkpoint into a folder of its own that appears under its name only when it is complete, then drops the oldest.
 * @returns its path
 * @throws Error naming the file, where it cannot be written; what was there is still there
 * @example
 * const trainer = Trainer.create({ device, model, data: batches({ documents, eosId: 2, batchSize: 2, sequenceLength: 8 }), optimizer, schedule })
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
    const files: Record<string, FileSeal> = {}
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
    // A run that went back to an earlier step passes the same steps again: a name of its own each time, nothing is replaced.
    const names = await disk.list(root)
    let target = name
    for (let n = 2; names.includes(target) || names.includes(`${target}.damaged`); n++) target = `${name}-${n}`
    await disk.rename(temporary, join(root, target))
    await disk.settle(root)
    await dropOldest(runFolder, { keep, keepBefore: options.keepBefore, keepEvery }, disk)
    return join(root, target)
  } catch (error) {
    await disk.remove(temporary).catch(() => {})
    throw diskError(root, error, 'the checkpoints there are whole')
  }
}

const five = (n: number) => String(n).padStart(5, '0')

type StateArray = readonly [name: string, array: { readonly shape: readonly number[]; readonly data: Float32Array }]

/** The arrays in order, as many in each file as fit. */
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

/** Drops the checkpoints that do not stay, as the end of a save does: a process that died there left one too many. */
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
    // What cannot be read is left for inspection.
    if (kept.has(checkpoint) || !checkpoint.manifest) continue
    if (keepEvery !== undefined && checkpoint.step % keepEvery === 0) continue
    // A folder half removed must not have the name of a checkpoint.
    const aside = join(runFolder, 'checkpoints', `.${checkpoint.name}.${process.pid}.removed.tmp`)
    await disk.rename(checkpoint.path, aside)
    await disk.remove(aside)
  }
}
