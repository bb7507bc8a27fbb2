/**
 * Writes a Llama model as an ONNX file with the operators of onnx-community's exports: GroupQueryAttention (which
 * includes rotary embedding and the cache), SimplifiedLayerNormalization, MatMul. Only the last position's logits are
 * computed.
 * @see https://github.com/onnx/onnx/blob/main/onnx/onnx.proto,
 *   https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
 */
import { writeFileSync } from 'node:fs'
import type { ModelArchitecture } from '@kumiki/models'

type Bytes = Uint8Array

/** A protobuf variable-length integer; the functions below encode fields: integer, bytes, string, message, float. */
const varint = (value: number | bigint): Bytes => {
  const out: number[] = []
  let left = BigInt.asUintN(64, BigInt(value))
  do {
    const low = Number(left & 127n)
    left >>= 7n
    out.push(left > 0n ? low | 128 : low)
  } while (left > 0n)
  return Uint8Array.from(out)
}
const int = (field: number, value: number | bigint): Bytes[] => [varint(field << 3), varint(value)]
const bytes = (field: number, value: Bytes): Bytes[] => [varint((field << 3) | 2), varint(value.length), value]
const text = (field: number, value: string): Bytes[] => bytes(field, new TextEncoder().encode(value))
const message = (field: number, parts: readonly Bytes[]): Bytes[] => {
  const length = parts.reduce((n, p) => n + p.length, 0)
  return [varint((field << 3) | 2), varint(length), ...parts]
}
const float = (field: number, value: number): Bytes[] => [
  varint((field << 3) | 5),
  new Uint8Array(Float32Array.of(value).buffer),
]

const types = { float32: 1, int32: 6, int64: 7 } as const
type OnnxType = keyof typeof types

function tensor(name: string, type: OnnxType, dims: readonly number[], data: ArrayBufferView): Bytes[] {
  const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  return [...dims.flatMap((d) => int(1, d)), ...int(2, types[type]), ...text(8, name), ...bytes(9, raw)]
}

function valueInfo(name: string, type: OnnxType, dims: readonly (string | number)[]): Bytes[] {
  const shape = dims.flatMap((d) => message(1, typeof d === 'string' ? text(2, d) : int(1, d)))
  return [...text(1, name), ...message(2, message(1, [...int(1, types[type]), ...message(2, shape)]))]
}

type Attribute = number | { readonly float: number }

function node(
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, Attribute>> = {},
  domain = '',
): Bytes[] {
  const encoded = Object.entries(attributes).flatMap(([name, value]) =>
    message(5, [
      ...text(1, name),
      ...(typeof value === 'number' ? [...int(3, value), ...int(20, 2)] : [...float(2, value.float), ...int(20, 1)]),
    ]),
  )
  return [
    ...inputs.flatMap((i) => text(1, i)),
    ...outputs.flatMap((o) => text(2, o)),
    ...text(3, outputs[0]),
    ...text(4, op),
    ...encoded,
    ...(domain ? text(7, domain) : []),
  ]
}

/** @param weights gives float32 values by Hugging Face's parameter names */
export function writeOnnx(
  file: string,
  architecture: ModelArchitecture,
  weights: (name: string) => Float32Array,
): void {
  const { hiddenSize, intermediateSize, numHiddenLayers, numAttentionHeads, numKeyValueHeads, headDim } = architecture
  const { vocabSize, rmsNormEps, ropeTheta, maxPositionEmbeddings } = architecture
  const nodes: Bytes[][] = []
  const initializers: Bytes[][] = []
  const add = (op: string, inputs: string[], output: string, attributes?: Record<string, Attribute>): string => {
    nodes.push(node(op, inputs, [output], attributes))
    return output
  }
  const constant = (name: string, type: OnnxType, dims: number[], data: ArrayBufferView) => {
    initializers.push(tensor(name, type, dims, data))
    return name
  }
  /** x times the transpose of a weight [out, in], which MatMul takes as [in, out]. */
  const linear = (x: string, name: string, out: number, width: number) => {
    const values = weights(`${name}.weight`)
    const transposed = new Float32Array(values.length)
    for (let o = 0; o < out; o++) for (let i = 0; i < width; i++) transposed[i * out + o] = values[o * width + i]
    return add('MatMul', [x, constant(`${name}.weight`, 'float32', [width, out], transposed)], `${name}.out`)
  }
  const norm = (x: string, name: string) => {
    const scale = constant(`${name}.weight`, 'float32', [hiddenSize], weights(`${name}.weight`))
    return add('SimplifiedLayerNormalization', [x, scale], `${name}.out`, {
      axis: -1,
      stash_type: 1,
      epsilon: { float: rmsNormEps },
    })
  }

  const half = headDim / 2
  const tables = [Math.cos, Math.sin].map((f) =>
    Float32Array.from({ length: maxPositionEmbeddings * half }, (_, i) =>
      f(Math.floor(i / half) * ropeTheta ** ((-2 * (i % half)) / headDim)),
    ),
  )
  const [cos, sin] = ['cos_cache', 'sin_cache'].map((name, i) =>
    constant(name, 'float32', [maxPositionEmbeddings, half], tables[i]),
  )
  const one = constant('one', 'int64', [1], BigInt64Array.of(1n))
  const last = constant('last', 'int64', [1], BigInt64Array.of(-1n))
  // Inputs of GroupQueryAttention: `seqlens_k` is each row's length in tokens minus 1, `total_sequence_length` the
  // longest.
  add('ReduceSum', ['attention_mask', one], 'lengths', { keepdims: 0 })
  add('Sub', ['lengths', one], 'last_position')
  const seqlens = add('Cast', ['last_position'], 'seqlens_k', { to: types.int32 })
  add('Shape', ['attention_mask'], 'mask_shape')
  const at = constant('at', 'int64', [], BigInt64Array.of(1n))
  add('Gather', ['mask_shape', at], 'total', { axis: 0 })
  const total = add('Cast', ['total'], 'total_sequence_length', { to: types.int32 })

  const table = weights('model.embed_tokens.weight')
  let x = add(
    'Gather',
    [constant('model.embed_tokens.weight', 'float32', [vocabSize, hiddenSize], table), 'input_ids'],
    'embedded',
    { axis: 0 },
  )
  const kv = numKeyValueHeads * headDim
  for (let i = 0; i < numHiddenLayers; i++) {
    const prefix = `model.layers.${i}`
    const n = norm(x, `${prefix}.input_layernorm`)
    const q = linear(n, `${prefix}.self_attn.q_proj`, numAttentionHeads * headDim, hiddenSize)
    const k = linear(n, `${prefix}.self_attn.k_proj`, kv, hiddenSize)
    const v = linear(n, `${prefix}.self_attn.v_proj`, kv, hiddenSize)
    nodes.push(
      node(
        'GroupQueryAttention',
        [q, k, v, `past_key_values.${i}.key`, `past_key_values.${i}.value`, seqlens, total, cos, sin],
        [`${prefix}.attended`, `present.${i}.key`, `present.${i}.value`],
        { num_heads: numAttentionHeads, kv_num_heads: numKeyValueHeads, do_rotary: 1 },
        'com.microsoft',
      ),
    )
    const o = linear(`${prefix}.attended`, `${prefix}.self_attn.o_proj`, hiddenSize, numAttentionHeads * headDim)
    const h = add('Add', [x, o], `${prefix}.h`)
    const m = norm(h, `${prefix}.post_attention_layernorm`)
    const gate = linear(m, `${prefix}.mlp.gate_proj`, intermediateSize, hiddenSize)
    const up = linear(m, `${prefix}.mlp.up_proj`, intermediateSize, hiddenSize)
    const silu = add('Mul', [gate, add('Sigmoid', [gate], `${prefix}.sigmoid`)], `${prefix}.silu`)
    const inner = add('Mul', [silu, up], `${prefix}.inner`)
    x = add('Add', [h, linear(inner, `${prefix}.mlp.down_proj`, hiddenSize, intermediateSize)], `${prefix}.y`)
  }
  const end = add('Gather', [norm(x, 'model.norm'), last], 'end', { axis: 1 })
  const logits = linear(end, 'lm_head', vocabSize, hiddenSize)
  add('Identity', [logits], 'logits')

  const past = ['batch_size', numKeyValueHeads, 'past_sequence_length', headDim]
  const present = ['batch_size', numKeyValueHeads, 'total_sequence_length', headDim]
  const names = Array.from({ length: numHiddenLayers }, (_, i) => ['key', 'value'].map((part) => `${i}.${part}`)).flat()
  const graph = [
    ...nodes.flatMap((n) => message(1, n)),
    ...text(2, 'llama'),
    ...initializers.flatMap((t) => message(5, t)),
    ...message(11, valueInfo('input_ids', 'int64', ['batch_size', 'sequence_length'])),
    ...message(11, valueInfo('attention_mask', 'int64', ['batch_size', 'total_sequence_length'])),
    ...names.flatMap((name) => message(11, valueInfo(`past_key_values.${name}`, 'float32', past))),
    ...message(12, valueInfo('logits', 'float32', ['batch_size', 1, vocabSize])),
    ...names.flatMap((name) => message(12, valueInfo(`present.${name}`, 'float32', present))),
  ]
  const opset = (domain: string, version: number) => message(8, [...text(1, domain), ...int(2, version)])
  const model = [
    ...int(1, 8),
    ...text(2, 'kumiki'),
    ...opset('', 17),
    ...opset('com.microsoft', 1),
    ...message(7, graph),
  ]
  writeFileSync(file, Buffer.concat(model))
}
