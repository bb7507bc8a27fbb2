/** Custom parts that replace the decoder's attention, its feed-forward, or the whole block. */
import type { Tensor } from '@kumiki/tensor'
import type { ModelArchitecture } from '../architecture.ts'
import type { LinearLayer } from '../language-model.ts'
import type { ParameterShape } from '../parameters.ts'
import type { BlockContext } from './block.ts'

export interface DecoderPart {
  /**
   * Its parameters in one layer, by their names after `model.layers.N.`. Matrices [out, in] whose names end in
   * `.weight` are its linear layers: compute them with `context.apply`, so that adapters and number formats apply to
   * them. Vectors are initialized to 1 (to 0 if their names end in `.bias`).
   */
  parameters(architecture: ModelArchitecture): readonly ParameterShape[]
  /**
   * @param context what the blocks of a pass share: `apply` and `norm` by the names of parameters, rotary tables, and
   * `attend`, which updates the cache; a part that mixes tokens in another way cannot continue from a cache
   * @param x float32 [batch, seq, hidden]: the normalized residual, or the residual stream if the part is a block
   * @returns float32 of the same shape: what is added to the residual, or for a block the residual stream after it
   */
  forward(context: BlockContext, layer: number, x: Tensor): Tensor
}

/** A block replaces both other parts. */
export interface DecoderParts {
  readonly attention?: DecoderPart
  readonly feedForward?: DecoderPart
  readonly block?: DecoderPart
}

const replaced = { attention: /^self_attn\./, feedForward: /^(mlp|block_sparse_moe)\./, block: /^/ } as const

/** @throws RangeError for an unknown part, and for a parameter name given twice */
export function parametersWithParts(
  shapes: readonly ParameterShape[],
  architecture: ModelArchitecture,
  parts: DecoderParts,
): ParameterShape[] {
  const kinds = Object.keys(parts) as (keyof DecoderParts)[]
  const other = kinds.find((kind) => !Object.hasOwn(replaced, kind))
  if (other)
    throw new RangeError(`decoderModel: there is no part ${other}; attention, feedForward and block can be given`)
  if (parts.block && kinds.length > 1)
    throw new RangeError('decoderModel: a block replaces both other parts; give it alone')
  const inLayer = /^model\.layers\.(\d+)\.(.*)$/
  const kept = shapes.filter(({ name }) => {
    const own = inLayer.exec(name)?.[2]
    return own === undefined || !kinds.some((kind) => parts[kind] && replaced[kind].test(own))
  })
  const made = Array.from({ length: architecture.numHiddenLayers }, (_, layer) =>
    kinds.flatMap((kind) =>
      (parts[kind]?.parameters(architecture) ?? []).map(({ name, shape }) => ({
        name: `model.layers.${layer}.${name}`,
        shape,
      })),
    ),
  ).flat()
  const all = [...kept, ...made]
  const names = new Set<string>()
  for (const { name } of all) {
    if (names.has(name)) throw new RangeError(`decoderModel: two parameters are named ${name}; rename the part's`)
    names.add(name)
  }
  return all
}

/** The linear layers among the parameters of blocks. */
export function linearLayersWithParts(
  known: readonly LinearLayer[],
  parameters: readonly ParameterShape[],
): LinearLayer[] {
  const roles = new Map(known.map((layer) => [layer.name, layer]))
  return parameters.flatMap(({ name, shape }) => {
    const [, block, rest] = /^model\.layers\.(\d+)\.(.*)\.weight$/.exec(name) ?? []
    if (block === undefined || shape.length !== 2) return []
    return [roles.get(name) ?? { name, role: rest, block: Number(block) }]
  })
}
