/** Checkpoints of a run: `checkpoints/step-00000100/{state.safetensors, trainer.json}`. Node only. */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeSafetensors, type SafetensorsTensor, safetensorsChunks } from '@kumiki/models/safetensors'
import { writeFileAtomically } from './atomic-file.ts'
import type { TrainerSnapshot } from './trainer.ts'

const version = 1
const pattern = /^step-(\d{8,})$/

/** Writes a checkpoint into a folder of its own that appears under its name only when complete, and keeps the newest `keep`. */
export async function saveCheckpoint(runFolder: string, snapshot: TrainerSnapshot, keep = 2): Promise<string> {
  const root = join(runFolder, 'checkpoints')
  const name = `step-${String(snapshot.step).padStart(8, '0')}`
  const target = join(root, name)
  const temporary = join(root, `.${name}.${process.pid}.tmp`)
  await rm(temporary, { recursive: true, force: true })
  await mkdir(temporary, { recursive: true })
  try {
    const tensors = [...snapshot.arrays].map(
      ([key, { shape, data }]): SafetensorsTensor => ({
        name: key,
        dtype: 'F32',
        shape,
        data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
      }),
    )
    await writeFileAtomically(join(temporary, 'state.safetensors'), safetensorsChunks(tensors, { format: 'kumiki' }))
    const { step, tokens, batches } = snapshot
    await writeFile(join(temporary, 'trainer.json'), `${JSON.stringify({ version, step, tokens, batches }, null, 2)}\n`)
    await rm(target, { recursive: true, force: true })
    await rename(temporary, target)
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    throw error
  }
  const older = (await listCheckpoints(runFolder)).slice(0, -keep)
  for (const folder of older) await rm(folder.path, { recursive: true, force: true })
  return target
}

/** Complete checkpoints of a run, oldest first. */
export async function listCheckpoints(runFolder: string): Promise<{ step: number; path: string }[]> {
  const root = join(runFolder, 'checkpoints')
  let names: string[]
  try {
    names = await readdir(root)
  } catch {
    return []
  }
  return names
    .flatMap((name) => {
      const match = pattern.exec(name)
      return match ? [{ step: Number(match[1]), path: join(root, name) }] : []
    })
    .sort((a, b) => a.step - b.step)
}

/** @throws Error naming the file, for a checkpoint that is missing, truncated or not one of ours */
export async function loadCheckpoint(folder: string): Promise<TrainerSnapshot> {
  const jsonFile = join(folder, 'trainer.json')
  const stateFile = join(folder, 'state.safetensors')
  const json = await readFile(jsonFile, 'utf8').catch((error) => {
    throw new Error(`${jsonFile}: cannot be read (${error.code ?? error.message}); is this a checkpoint folder?`)
  })
  let info: { version?: unknown; step?: unknown; tokens?: unknown; batches?: unknown }
  try {
    info = JSON.parse(json)
  } catch (error) {
    throw new Error(`${jsonFile}: is not JSON (${(error as Error).message}); take an older checkpoint`)
  }
  if (info === null || typeof info !== 'object' || info.version !== version)
    throw new Error(`${jsonFile}: is not a checkpoint of version ${version}`)
  for (const field of ['step', 'tokens'] as const) {
    if (!Number.isSafeInteger(info[field]) || (info[field] as number) < 0)
      throw new Error(`${jsonFile}: ${field} must be a non-negative integer, got ${JSON.stringify(info[field])}`)
  }
  const bytes = await readFile(stateFile).catch((error) => {
    throw new Error(`${stateFile}: cannot be read (${error.code ?? error.message})`)
  })
  const arrays = new Map<string, { shape: readonly number[]; data: Float32Array }>()
  try {
    for (const [name, t] of decodeSafetensors(bytes).tensors) {
      if (t.dtype !== 'F32') throw new RangeError(`array ${name} is ${t.dtype}, not F32`)
      const copy = new Uint8Array(t.data) // (slice() of a Node Buffer would share its memory)
      arrays.set(name, { shape: t.shape, data: new Float32Array(copy.buffer, 0, copy.byteLength / 4) })
    }
  } catch (error) {
    throw new Error(`${stateFile}: ${(error as Error).message}; the file is broken, take an older checkpoint`)
  }
  return {
    step: info.step as number,
    tokens: info.tokens as number,
    batches: info.batches as TrainerSnapshot['batches'],
    arrays,
  }
}
