/** The memory of a training state, known before any weight is made. */
import type { LanguageModel, Parameters } from '@kumiki/models'
import type { Optimizer } from '@kumiki/optim'
import { bytesPerElement, cpuAddressableBytes, type Device, type DType, tensorsOf, zeros } from '@kumiki/tensor'
import { applyMomentDtype, bf16Pure, type PrecisionPolicy } from './precision.ts'
import { castParameter, hasMaster } from './train-step.ts'

interface StateRecipe {
  readonly trained: ReadonlySet<string>
  readonly optimizer: Optimizer
  readonly policy: PrecisionPolicy
}

const bytesOf = ({ size, dtype }: { readonly size: number; readonly dtype: DType }) => size * bytesPerElement[dtype]
const sum = (sizes: readonly number[]) => sizes.reduce((total, bytes) => total + bytes, 0)

/** Bytes of the parameters, their master copies and the optimizer's state. Nothing is computed for it. */
export function stateBytes(model: LanguageModel, { trained, optimizer, policy }: StateRecipe): number {
  const all = model.parameters.map(({ name, shape }) => [name, zeros(shape)] as const)
  const parameters: Parameters = Object.fromEntries(all.filter(([name]) => trained.has(name)))
  const stored = all.map(([, t]) => bytesOf(castParameter(policy, t)))
  const masters = Object.values(parameters).map((t) => (hasMaster(policy, t) ? bytesOf(t) : 0))
  const moments = tensorsOf(applyMomentDtype(policy, optimizer).init(parameters)).map(bytesOf)
  return sum([...stored, ...masters, ...moments])
}

/**
 * Refuses a model whose state alone the device cannot address, before any weight is made.
 * @throws RangeError with the bytes that it needs, and what would fit
 */
export function requireAddressable(device: Device, model: LanguageModel, recipe: StateRecipe): void {
  const most = device.addressableBytes
  if (most === Number.POSITIVE_INFINITY) return
  const bytes = stateBytes(model, recipe)
  if (bytes <= most) return
  const parameters = sum(model.parameters.map(({ shape }) => shape.reduce((a, b) => a * b, 1)))
  const narrow = stateBytes(model, { ...recipe, policy: bf16Pure })
  const gibibytes = (x: number) => `${(x / 2 ** 30).toFixed(1)} GiB`
  const advice =
    recipe.policy.name !== bf16Pure.name && narrow <= most
      ? `the policy ${bf16Pure.name} takes ${gibibytes(narrow)}`
      : `a model of at most ${Math.floor((most / bytes) * parameters).toLocaleString('en')} parameters`
  const wider = device.kind === 'cpu' && most < cpuAddressableBytes(true) && bytes <= cpuAddressableBytes(true)
  throw new RangeError(
    `Trainer: ${model.name} has ${parameters.toLocaleString('en')} parameters, whose weights and optimizer state take ${gibibytes(bytes)} in ${recipe.policy.name}, before gradients and activations; the ${device.kind} device can address ${gibibytes(most)}. What would fit: ${advice}, fewer trained parameters (\`trainable\`), ${wider ? `${gibibytes(cpuAddressableBytes(true))} with 64-bit WebAssembly memory (Node 24 and newer), ` : ''}or a GPU`,
  )
}
