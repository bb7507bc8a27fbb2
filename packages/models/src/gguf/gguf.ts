/**
 * Models in GGUF, which llama.cpp reads: Llama (LLM-jp's dense models), Mixtral, Qwen2 and 3, Gemma 2 and 3, OLMo 2.
 * Node only.
 */
import { cast, type Device, type DType, type Tensor } from '@kumiki/tensor'
import type { ModelArchitecture } from '../architecture.ts'
import { replaceFile } from '../files/atomic-file.ts'
import { openFileRanges } from '../files/file-ranges.ts'
import { type ParameterFormat, parameterFormat, requireAddressable } from '../files/parameter-format.ts'
import type { Parameters } from '../language-model.ts'
import { parameterShapes } from '../parameters.ts'
import { type GgufFamily, ggufFamily } from './families.ts'
import {
  type GgufInfo,
  type GgufMetadata,
  type GgufTensor,
  type GgufType,
  type GgufValue,
  ggufChunks,
  ggufTypes,
  readGgufHeader,
} from './format.ts'
import { architectureMetadata, ggufName, readArchitecture } from './names.ts'
import { decodeQ8, encodeQ8 } from './q8.ts'
import { ropeFactors, ropeFactorsName, scalingOfFactors } from './rope-factors.ts'

export interface GgufOptions {
  /**
   * How matrices are stored. Norms, biases and routers are F32; with Q8_0, a matrix whose row length is not a multiple
   * of 32 is F16. Default F16.
   */
  readonly type?: GgufType
  /** general.name. */
  readonly name?: string
  /** The tokenizer, as llama.cpp's `tokenizer.ggml.*`. */
  readonly tokenizer?: GgufTokenizer
}

/** A tokenizer's vocabulary and special ids. @see llama.cpp gguf-py/gguf/constants.py, `Keys.Tokenizer` */
export interface GgufTokenizer {
  /** `llama`: SentencePiece BPE; `t5`: SentencePiece unigram, as LLM-jp-3's; `gpt2`: byte-level BPE. */
  readonly model: 'llama' | 't5' | 'gpt2'
  readonly tokens: readonly string[]
  readonly scores?: readonly number[]
  /** 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte. */
  readonly types?: readonly number[]
  readonly merges?: readonly string[]
  readonly bosId?: number
  readonly eosId?: number
  readonly unknownId?: number
  readonly paddingId?: number
  readonly addBos?: boolean
}

const fileTypes: Record<GgufType, number> = { F32: 0, F16: 1, Q8_0: 7, BF16: 32 }

/**
 * Writes a model as one GGUF file, one tensor at a time.
 * @throws RangeError naming an architecture field that GGUF cannot represent, and for a tokenizer of another size
 * @example await saveGguf('model-q8_0.gguf', architecture, parameters, { type: 'Q8_0' })
 */
export async function saveGguf(
  file: string,
  architecture: ModelArchitecture,
  parameters: Parameters,
  { type = 'F16', name, tokenizer }: GgufOptions = {},
): Promise<void> {
  if (!Object.hasOwn(ggufTypes, type))
    throw new RangeError(`saveGguf: type must be one of ${Object.keys(ggufTypes).join(', ')}, got ${type}`)
  const family = ggufFamily(architecture)
  const metadata: GgufMetadata = [
    ...architectureMetadata(architecture),
    ['general.file_type', 'uint32', fileTypes[type]],
    ['general.quantization_version', 'uint32', 2],
    ...(name === undefined ? [] : ([['general.name', 'string', name]] as const)),
    ...tokenizerMetadata(tokenizer, architecture.vocabSize),
  ]
  const tensors = parameterShapes(architecture, { experts: 'stacked' }).map(({ name, shape }): GgufTensor => {
    const t = parameters[name]
    if (!t) throw new RangeError(`saveGguf: the parameters have no ${name}`)
    const called = ggufName(name, architecture)
    // Norms, biases and routers are small, and quantizing them costs accuracy.
    const whole = shape.length < 2 || called.endsWith('ffn_gate_inp.weight')
    const stored = whole ? 'F32' : type === 'Q8_0' && shape[shape.length - 1] % 32 !== 0 ? 'F16' : type
    return { name: called, type: stored, shape, data: () => encode(toFile(t, name, architecture, family), stored) }
  })
  const { ropeScaling, headDim, ropeTheta } = architecture
  if (ropeScaling?.type === 'llama3') {
    const data = async () => new Uint8Array(ropeFactors(headDim, ropeTheta, ropeScaling).buffer)
    tensors.push({ name: ropeFactorsName, type: 'F32', shape: [headDim / 2], data })
  }
  await replaceFile(file, ggufChunks(metadata, tensors))
}

/** Converts a parameter to llama.cpp's layout. */
function toFile(
  t: Tensor,
  name: string,
  architecture: ModelArchitecture,
  { paired, shiftedNorms }: GgufFamily,
): Tensor {
  if (shiftedNorms && isNorm(name)) return cast(t, 'float32').add(1)
  const pairs = paired ? pairedHeads(architecture, name) : undefined
  return pairs ? interleaveHalves(t, pairs) : t
}

function fromFile(
  t: Tensor,
  name: string,
  architecture: ModelArchitecture,
  { paired, shiftedNorms }: GgufFamily,
): Tensor {
  if (shiftedNorms && isNorm(name)) return t.sub(1)
  const pairs = paired ? pairedHeads(architecture, name) : undefined
  return pairs ? separateHalves(t, pairs) : t
}

const isNorm = (name: string) => name.endsWith('norm.weight')

function tokenizerMetadata(tokenizer: GgufTokenizer | undefined, vocabSize: number): GgufMetadata {
  if (!tokenizer) return []
  const { model, tokens, scores, types, merges } = tokenizer
  for (const [field, list] of Object.entries({ tokens, scores, types }))
    if (list && list.length !== vocabSize)
      throw new RangeError(`saveGguf: tokenizer.${field} has ${list.length} entries for a vocabulary of ${vocabSize}`)
  const key = (name: string) => `tokenizer.ggml.${name}`
  const ids = { bos: tokenizer.bosId, eos: tokenizer.eosId, unknown: tokenizer.unknownId, padding: tokenizer.paddingId }
  return [
    [key('model'), 'string', model],
    [key('tokens'), 'array', tokens, 'string'],
    ...(scores ? ([[key('scores'), 'array', scores, 'float32']] as const) : []),
    ...(types ? ([[key('token_type'), 'array', types, 'int32']] as const) : []),
    ...(merges ? ([[key('merges'), 'array', merges, 'string']] as const) : []),
    ...Object.entries(ids).flatMap(([name, id]) =>
      id === undefined ? [] : ([[key(`${name}_token_id`), 'uint32', id]] as const),
    ),
    ...(tokenizer.addBos === undefined ? [] : ([[key('add_bos_token'), 'bool', tokenizer.addBos]] as const)),
  ]
}

/** Number of heads in the rows of a parameter to which RoPE applies. */
function pairedHeads({ numAttentionHeads, numKeyValueHeads }: ModelArchitecture, name: string): number | undefined {
  if (/self_attn\.q_proj\./.test(name)) return numAttentionHeads
  return /self_attn\.k_proj\./.test(name) ? numKeyValueHeads : undefined
}

/**
 * Interleaves the halves of each head: rows i and i + D / 2 become 2i and 2i + 1, which llama.cpp's Llama rotates as a
 * pair.
 */
function interleaveHalves(t: Tensor, heads: number): Tensor {
  const [rows, ...rest] = t.shape
  const columns = rest[0] ?? 1
  return t
    .reshape([heads, 2, rows / heads / 2, columns])
    .transpose([0, 2, 1, 3])
    .reshape(t.shape)
}

function separateHalves(t: Tensor, heads: number): Tensor {
  const [rows, ...rest] = t.shape
  const columns = rest[0] ?? 1
  return t
    .reshape([heads, rows / heads / 2, 2, columns])
    .transpose([0, 2, 1, 3])
    .reshape(t.shape)
}

async function encode(t: Tensor, type: GgufType): Promise<Uint8Array> {
  if (type === 'Q8_0') return encodeQ8((await cast(t, 'float32').data()) as Float32Array)
  const codes = await cast(t, ({ F32: 'float32', F16: 'float16', BF16: 'bfloat16' } as const)[type]).codes()
  return new Uint8Array(codes.buffer, codes.byteOffset, codes.byteLength)
}

export interface LoadedGguf {
  readonly architecture: ModelArchitecture
  readonly parameters: Parameters
  /** All metadata of the file, including names and the tokenizer. */
  readonly metadata: ReadonlyMap<string, GgufValue>
}

export interface LoadGgufOptions {
  /** Format of the parameters; default float32. For `stored` and `compact`, Q8_0 is float32. */
  readonly dtype?: ParameterFormat
}

/**
 * Reads a GGUF file of F32, F16, BF16 and Q8_0 tensors, one after another.
 * @throws Error naming the file and the key or tensor, for files that are malformed or of an unsupported architecture
 */
export async function loadGguf(
  device: Device,
  file: string,
  { dtype = 'float32' }: LoadGgufOptions = {},
): Promise<LoadedGguf> {
  const ranges = await openFileRanges(file)
  try {
    const { metadata, tensors } = await readGgufHeader(ranges)
    const used = new Set<string>()
    const read = async (name: string, shape: readonly number[]): Promise<Tensor> => {
      const info: GgufInfo | undefined = tensors.get(name)
      if (!info) throw new RangeError(`has no tensor ${name}, which its metadata requires`)
      if (info.shape.length !== shape.length || info.shape.some((d, i) => d !== shape[i]))
        throw new RangeError(
          `${info.name} is [${info.shape.join(', ')}], but the metadata requires [${shape.join(', ')}]`,
        )
      used.add(info.name)
      const bytes = await ranges.read(info.byteOffset, info.byteLength)
      if (bytes.length !== info.byteLength) throw new RangeError(`${info.name} is truncated`)
      return decode(device, info, bytes)
    }
    const stated = readArchitecture(metadata, tensors)
    const { headDim, ropeTheta } = stated
    const factors = tensors.has(ropeFactorsName) && (await (await read(ropeFactorsName, [headDim / 2])).data())
    const architecture: ModelArchitecture = factors
      ? { ...stated, ropeScaling: scalingOfFactors(factors, ropeTheta) }
      : stated
    const family = ggufFamily(architecture)
    requireAddressable(device, 'GGUF', architecture, dtype, 2)
    const parameters: Parameters = {}
    for (const { name, shape } of parameterShapes(architecture, { experts: 'stacked' })) {
      const stored = ggufName(name, architecture)
      const wide = fromFile(await read(stored, shape), name, architecture, family)
      const t = cast(wide, parameterFormat(dtype, formats[tensors.get(stored)!.type], shape))
      await device.evaluate(t)
      parameters[name] = t
    }
    const other = [...tensors.keys()].find((name) => !used.has(name))
    if (other) throw new RangeError(`${other} is not a tensor of this architecture`)
    return { architecture, parameters, metadata }
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message.replace(/^GGUF: /, '')}`, { cause: error })
  } finally {
    await ranges.close()
  }
}

/** The formats that tensors have on a device as they are stored. */
const formats: Record<GgufType, DType> = { F32: 'float32', F16: 'float16', BF16: 'bfloat16', Q8_0: 'float32' }

/** As float32, in which parameters are converted from llama.cpp's conventions. */
function decode(device: Device, { type, shape }: GgufInfo, bytes: Uint8Array): Tensor {
  if (type === 'Q8_0') return device.tensor(decodeQ8(bytes), shape)
  const buffer = bytes.slice().buffer
  if (type === 'F32') return device.tensor(new Float32Array(buffer), shape)
  return cast(device.tensorFromCodes(new Uint16Array(buffer), shape, formats[type]), 'float32')
}
