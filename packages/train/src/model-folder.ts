/** A model on disk as Hugging Face tools expect it: config.json, model.safetensors. Node only. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Parameters } from '@kumiki/models'
import {
  fromHuggingFaceConfig,
  type ModelArchitecture,
  parameterShapes,
  toHuggingFaceConfig,
} from '@kumiki/models/configs'
import {
  decodeSafetensors,
  type SafetensorsDtype,
  type SafetensorsTensor,
  safetensorsChunks,
} from '@kumiki/models/safetensors'
import { cast, type Device, type DType, type HostArray } from '@kumiki/tensor'
import { writeFileAtomically } from './atomic-file.ts'

const dtypes: Partial<Record<SafetensorsDtype, DType>> = { F32: 'float32', BF16: 'bfloat16', F16: 'float16' }

/** Writes config.json and model.safetensors with the tensors' own formats. */
export async function saveModel(
  folder: string,
  architecture: ModelArchitecture,
  parameters: Parameters,
  ids: { bosTokenId?: number; eosTokenId?: number; padTokenId?: number } = {},
): Promise<void> {
  const narrow = Object.values(parameters).some((t) => t.dtype === 'bfloat16')
  const tensors = Object.entries(parameters).map(([name, t]): SafetensorsTensor => {
    const dtype = (Object.keys(dtypes) as SafetensorsDtype[]).find((k) => dtypes[k] === t.dtype)
    if (!dtype)
      throw new TypeError(`saveModel: ${name} is ${t.dtype}, which safetensors files of Llama models do not hold`)
    return { name, dtype, shape: t.shape, data: async () => bytesOf(await t.codes()) }
  })
  const config = toHuggingFaceConfig(architecture, { torchDtype: narrow ? 'bfloat16' : 'float32', ...ids })
  await writeFileAtomically(join(folder, 'model.safetensors'), safetensorsChunks(tensors, { format: 'pt' }))
  await writeFileAtomically(join(folder, 'config.json'), `${JSON.stringify(config, null, 2)}\n`)
}

function bytesOf(codes: HostArray): Uint8Array {
  return new Uint8Array(codes.buffer, codes.byteOffset, codes.byteLength)
}

/**
 * Reads config.json and model.safetensors, as float32 tensors.
 * @throws Error naming file and field, for files that are missing, broken, or do not belong together
 */
export async function loadModel(
  device: Device,
  folder: string,
): Promise<{ architecture: ModelArchitecture; parameters: Parameters }> {
  const configFile = join(folder, 'config.json')
  const weightFile = join(folder, 'model.safetensors')
  const text = await readFile(configFile, 'utf8').catch((error) => {
    throw new Error(
      `${configFile}: cannot be read (${error.code ?? error.message}); give the folder of a run or of a Llama model`,
    )
  })
  let architecture: ModelArchitecture
  try {
    architecture = fromHuggingFaceConfig(JSON.parse(text))
  } catch (error) {
    throw new Error(`${configFile}: ${(error as Error).message}`)
  }
  const bytes = await readFile(weightFile).catch((error) => {
    throw new Error(
      `${weightFile}: cannot be read (${error.code ?? error.message}); a run has it once training has finished`,
    )
  })
  let tensors: ReturnType<typeof decodeSafetensors>['tensors']
  try {
    ;({ tensors } = decodeSafetensors(bytes))
  } catch (error) {
    throw new Error(`${weightFile}: ${(error as Error).message}`)
  }
  const parameters: Parameters = {}
  for (const { name, shape } of parameterShapes(architecture)) {
    const found = tensors.get(name)
    const dtype = found && dtypes[found.dtype]
    if (!found) throw new Error(`${weightFile}: has no tensor ${name}, which config.json calls for`)
    if (!dtype) throw new Error(`${weightFile}: ${name} is stored as ${found.dtype}; F32, BF16 and F16 can be read`)
    if (found.shape.length !== shape.length || found.shape.some((d, i) => d !== shape[i])) {
      throw new Error(
        `${weightFile}: ${name} is [${found.shape.join(', ')}], but config.json calls for [${shape.join(', ')}]`,
      )
    }
    const copy = new Uint8Array(found.data) // (slice() of a Node Buffer would share its memory)
    const codes = dtype === 'float32' ? new Float32Array(copy.buffer) : new Uint16Array(copy.buffer)
    parameters[name] = cast(device.tensorFromCodes(codes, shape, dtype), 'float32')
  }
  await device.evaluate(parameters)
  return { architecture, parameters }
}
