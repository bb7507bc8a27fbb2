/**
 * The weights of a model folder: model.safetensors, or shards under model.safetensors.index.json, read tensor by
 * tensor. Node only.
 */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type FileRanges, openFileRanges } from '../files/file-ranges.ts'
import { parseJson, readText } from '../files/read-text.ts'
import { openSafetensors, type SafetensorsInfo, type SafetensorsReader } from '../safetensors/safetensors.ts'

export const weightsFile = 'model.safetensors'
export const indexFile = 'model.safetensors.index.json'
/** The file name of a shard. @param i index from 0 */
export const shardName = (i: number, count: number) => {
  const five = (n: number) => String(n).padStart(5, '0')
  return `model-${five(i + 1)}-of-${five(count)}.safetensors`
}

export interface WeightFiles {
  has(name: string): boolean
  names(): string[]
  /** @throws Error naming the file that should contain it */
  info(name: string): SafetensorsInfo & { readonly file: string }
  read(name: string): Promise<Uint8Array>
  close(): Promise<void>
}

interface OpenFile {
  readonly path: string
  readonly reader: SafetensorsReader
  readonly ranges: FileRanges
}

/** Opens the weights of a model folder. @throws Error naming the file that is missing or malformed */
export async function openWeights(folder: string): Promise<WeightFiles> {
  const whole = join(folder, weightsFile)
  const index = join(folder, indexFile)
  const map = (await exists(whole)) ? undefined : await readIndex(index, folder)
  const paths = map ? [...new Set(map.values())] : [weightsFile]
  const files: OpenFile[] = []
  const close = async () => {
    for (const { ranges } of files) await ranges.close()
  }
  try {
    for (const name of paths) files.push(await openOne(join(folder, name)))
    const places = new Map<string, OpenFile>()
    for (const file of files)
      for (const name of file.reader.tensors.keys()) {
        if (map && map.get(name) !== undefined && join(folder, map.get(name)!) !== file.path) continue
        if (places.has(name)) throw new Error(`${file.path}: has ${name}, which is also in ${places.get(name)!.path}`)
        places.set(name, file)
      }
    const of = (name: string): OpenFile => {
      const file = places.get(name)
      if (file) return file
      const where = map?.get(name) ?? (map ? indexFile : weightsFile)
      throw new Error(`${join(folder, where)}: has no tensor ${name}, which config.json requires`)
    }
    return {
      has: (name) => places.has(name),
      names: () => [...places.keys()],
      info: (name) => ({ ...of(name).reader.tensors.get(name)!, file: of(name).path }),
      async read(name) {
        const { path, reader } = of(name)
        try {
          return await reader.read(name)
        } catch (error) {
          throw new Error(`${path}: ${(error as Error).message}`)
        }
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

async function openOne(path: string): Promise<OpenFile> {
  const ranges = await openFileRanges(path)
  try {
    return { path, ranges, reader: await openSafetensors(ranges) }
  } catch (error) {
    await ranges.close()
    throw new Error(`${path}: ${(error as Error).message}`)
  }
}

/** The file of each tensor, from the index of shards. */
async function readIndex(index: string, folder: string): Promise<Map<string, string>> {
  const text = await readText(index, 100_000_000).catch(async (error) => {
    if (error.code !== 'ENOENT')
      throw new Error(`${index}: cannot be read (${error.code ?? error.message})`, { cause: error })
    const pickled = (await readdir(folder).catch(() => [])).find(isPickled)
    if (pickled !== undefined) throw new Error(`${folder}: ${pickledOnly(pickled)}`)
    throw new Error(
      `${folder}: no weights found (model.safetensors, or model.safetensors.index.json with shards); a run writes them when its training has finished`,
    )
  })
  let map: unknown
  try {
    map = parseJson(text)?.weight_map
  } catch (error) {
    throw new Error(`${index}: ${(error as Error).message}`, { cause: error })
  }
  if (typeof map !== 'object' || map === null || Array.isArray(map))
    throw new Error(`${index}: weight_map must be an object of tensor names and files`)
  for (const [name, file] of Object.entries(map))
    if (typeof file !== 'string' || !/^[^/\\]+\.safetensors$/.test(file))
      throw new Error(
        `${index}: weight_map gives ${JSON.stringify(file)} for ${name}; it must be a .safetensors file beside it`,
      )
  return new Map(Object.entries(map as Record<string, string>))
}

/** Whether a file has weights as PyTorch pickles them. */
export const isPickled = (name: string): boolean =>
  /^(?:pytorch_model|adapter_model|consolidated)\b[\w.-]*\.(?:bin|pth|pt)$/.test(name)

/** What to do with a model that has only such weights. */
export const pickledOnly = (name: string): string =>
  `the weights are in ${name} only, which can run code when it is read; save the model as safetensors with Transformers (model.save_pretrained)`

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  )
