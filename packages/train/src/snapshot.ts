/** Converts a trainer's state to plain numbers and named arrays, and back. */
import type { Parameters } from '@kumiki/models'
import type { Device, Tensor } from '@kumiki/tensor'
import type { FrozenHashes } from './frozen.ts'
import type { TrainState } from './train-step.ts'

/** Everything needed to resume training: plain numbers and named arrays. */
export interface TrainerSnapshot {
  readonly step: number
  readonly tokens: number
  /** The batch source's position (`BatchSource.state`). */
  readonly batches: object
  /**
   * Float32 arrays: `params.NAME` (the master weights if there are any), `optimizer.MOMENT.NAME`, and `scaling.NAME` of
   * delayed fp8 scaling. Frozen parameters listed in `frozen` are not included.
   */
  readonly arrays: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>
  /** Hashes of frozen parameters, which must be supplied again when restoring. */
  readonly frozen?: FrozenHashes
}

/**
 * Copies the trained state to the host.
 * @param master the most precise weights
 * @param leftOut frozen parameters
 */
export async function copyArrays(
  master: Parameters,
  { optimizer, scaling }: TrainState,
  leftOut: FrozenHashes | undefined,
): Promise<TrainerSnapshot['arrays']> {
  const arrays = new Map<string, { shape: readonly number[]; data: Float32Array }>()
  const add = async (name: string, t: Tensor) => {
    arrays.set(name, { shape: t.shape, data: (await t.data()) as Float32Array })
  }
  for (const [name, t] of Object.entries(master)) if (leftOut?.[name] === undefined) await add(`params.${name}`, t)
  for (const [moment, tree] of Object.entries(optimizer)) {
    for (const [name, t] of Object.entries(tree)) await add(`optimizer.${moment}.${name}`, t)
  }
  for (const [name, t] of Object.entries(scaling)) await add(`scaling.${name}`, t)
  return arrays
}

/** A frozen parameter of the base model that differs from the snapshot's. */
export class FrozenParameterError extends RangeError {
  readonly parameter: string

  constructor(parameter: string) {
    super(
      `Trainer.restore: the frozen parameter ${parameter} differs from that of the snapshot; give the same base model in the same storage format`,
    )
    this.name = 'FrozenParameterError'
    this.parameter = parameter
  }
}

/**
 * @throws FrozenParameterError if a frozen parameter differs from the snapshot's
 * @throws RangeError naming a parameter that was frozen and is now trained
 */
export function checkFrozen(
  { frozen: wanted = {} }: TrainerSnapshot,
  trained: ReadonlySet<string>,
  hashes: FrozenHashes | undefined,
): void {
  for (const [name, hash] of Object.entries(wanted)) {
    if (trained.has(name))
      throw new RangeError(
        `Trainer.restore: ${name} was frozen when the snapshot was made, so the snapshot has no values for it; freeze it here too`,
      )
    if (hashes?.[name] !== hash) throw new FrozenParameterError(name)
  }
}

/**
 * The parameters of a snapshot on a device.
 * @param now the model's current parameters: names, shapes and formats, and frozen values
 * @throws RangeError if an array is missing or has another shape
 */
export function restoreParameters(
  snapshot: TrainerSnapshot,
  device: Device,
  now: Parameters,
  trained: ReadonlySet<string>,
): Parameters {
  return Object.fromEntries(
    Object.entries(now).map(([name, t]) => [
      name,
      // Trained parameters are float32; frozen ones keep their format.
      snapshot.frozen?.[name] !== undefined
        ? t
        : take(snapshot, device, `params.${name}`, { shape: t.shape, dtype: trained.has(name) ? 'float32' : t.dtype }),
    ]),
  )
}

/**
 * Restores the optimizer's moments and the scales of a snapshot into a fresh state.
 * @throws RangeError if an array is missing or has another shape
 */
export function restoreState(snapshot: TrainerSnapshot, device: Device, fresh: TrainState): TrainState {
  const optimizer = Object.fromEntries(
    Object.entries(fresh.optimizer).map(([moment, tree]) => [
      moment,
      Object.fromEntries(
        Object.entries(tree).map(([name, t]) => {
          const key = `optimizer.${moment}.${name}`
          // An average that the snapshot does not have starts from the weights.
          const from = moment === 'average' && !snapshot.arrays.has(key) ? `params.${name}` : key
          return [name, take(snapshot, device, from, t)]
        }),
      ),
    ]),
  )
  // Scales of another precision policy or of other layers are reset.
  const rescaled = Object.entries(fresh.scaling).every(
    ([name, t]) => snapshot.arrays.get(`scaling.${name}`)?.shape.join() === t.shape.join(),
  )
  const scaling = rescaled
    ? Object.fromEntries(
        Object.entries(fresh.scaling).map(([name, t]) => [name, take(snapshot, device, `scaling.${name}`, t)]),
      )
    : fresh.scaling
  return { ...fresh, optimizer, scaling }
}

function take(
  snapshot: TrainerSnapshot,
  device: Device,
  name: string,
  { shape, dtype }: Pick<Tensor, 'shape' | 'dtype'>,
): Tensor {
  const found = snapshot.arrays.get(name)
  if (!found)
    throw new RangeError(
      `Trainer.restore: the snapshot has no array ${name}; was it made with another model or optimizer?`,
    )
  if (found.shape.length !== shape.length || found.shape.some((d, i) => d !== shape[i])) {
    throw new RangeError(
      `Trainer.restore: ${name} is [${found.shape.join(', ')}] in the snapshot and [${shape.join(', ')}] in the model`,
    )
  }
  return device.tensor(found.data, shape, dtype)
}
