// Traces a function once and replays it as a compiled program.

import { shown } from '../arguments.ts'
import type { Executable } from '../backends/backend.ts'
import type { Device } from '../device.ts'
import { bufferBytes, type HostArray } from '../dtype.ts'
import { DeviceError } from '../errors.ts'
import { topologicalOrder } from '../graph/graph.ts'
import { keyOf } from '../graph/key.ts'
import { makeNode, type Value } from '../graph/node.ts'
import { type Flattened, flatten } from '../graph/tree.ts'
import { copyOp } from '../ops/copy.ts'
import { inputOp, sourceOp } from '../ops/leaf.ts'
import { ProgramCache } from '../program-cache.ts'
import { elementCount } from '../shape.ts'
import { assertPresent, type DeviceBuffer, encodeHost, type Storage } from '../storage.ts'
import { apply1, isTensor, Tensor, tensorFromStorage } from '../tensor.ts'
import type { Arguments, Compiled, CompileSettings, NumbersAreTensors } from './compiled.ts'

interface Program {
  readonly device: Device
  readonly executable: Executable
  readonly outputs: readonly Value[]
  readonly result: Flattened
  /** Buffers that small host inputs, such as batches, are written into, instead of new ones on every call. */
  readonly slots: (DeviceBuffer | undefined)[]
  /** Which upload each slot holds: if the same input is passed again, such as a weight, it keeps the slot's buffer. */
  readonly uploads: (number | undefined)[]
  readonly captured: readonly Value[]
  readonly donated: ReadonlySet<number>
}

/**
 * Host tensors of up to this size in bytes may be written into the program's own input slot; larger ones are moved to
 * the device.
 */
const slotBytes = 1 << 20

/**
 * Counts uploads into slots, to recognise their data. A reference to the data, even a weak one, would keep it alive in
 * a loop that never awaits anything.
 */
let uploads = 0

/**
 * Traces `f` once for every structure and shape of its arguments, and then replays the program: one encoder and one
 * submit on WebGPU, no new buffers. Arguments are trees of tensors and numbers. A number is an input (a scalar float32
 * tensor inside `f`), so it may change from call to call; for other values of strings, booleans and the like another
 * program is traced.
 *
 * Inside `f` a number argument is a tensor: compute with its operations (`rate.mul(2)`), not with operators, which
 * throw. Close over numbers that determine what is computed (a count of layers, an axis, a branch), with one compiled
 * function for each value.
 *
 * @param settings.donate positions of arguments whose memory the results may reuse (parameters, optimizer state); they
 *   cannot be used afterwards
 * @throws RangeError for a wrong position; the call rejects with DeviceError, ShapeError, TypeError or DisposedError
 * @example
 * const step = compile((w, x) => w.sub(x.mul(0.1)), { donate: [0] })
 * await step(device.tensor([1, 2]), device.tensor([10, 10])) // [0, 1]
 */
export function compile<Args extends unknown[], R>(
  f: ((...args: Args) => R) & NumbersAreTensors<Args>,
  settings: CompileSettings = {},
): Compiled<Args, R> {
  const programs = new ProgramCache<Program>({ capacity: 64, keptTemporaries: 4, discard, releaseTemporaries })
  let latest: Program | undefined
  const donate = new Set(settings.donate ?? [])
  for (const i of donate)
    if (!Number.isInteger(i) || i < 0)
      throw new RangeError(`compile: donate lists argument positions from 0, got ${shown(i)}`)

  /** Runs `use` with the program for these arguments, traced if there is none yet. */
  const withProgram = async <T>(
    args: Arguments<Args>,
    use: (program: Program, flat: Flattened, key: string) => T | Promise<T>,
  ): Promise<T> => {
    for (const i of donate)
      if (i >= args.length)
        throw new RangeError(
          `compile: donate lists argument ${i}, but the call has ${args.length} argument${args.length === 1 ? '' : 's'} (positions count from 0)`,
        )
    const flat = flatten(args)
    const device = deviceOf(flat)
    device.assertUsable('compile')
    for (const leaf of flat.leaves) {
      if (!isTensor(leaf)) continue
      if (leaf.value.storage) assertPresent(leaf.value.storage, 'compile')
      if (leaf.device && leaf.device !== device)
        throw new DeviceError(`compile: arguments live on two devices (${device.name} and ${leaf.device.name})`)
    }
    await device.evaluate(flat.leaves.filter((l) => isTensor(l) && !l.value.storage))
    await encodeHost(flat.leaves.flatMap((l) => (isTensor(l) && l.value.storage) || []))
    const key = signature(flat)
    return programs.use(
      key,
      () => build(f, flat, device, donate),
      (program) => {
        latest = program
        return use(program, flat, key)
      },
    )
  }
  const call = (...args: Arguments<Args>): Promise<R> => withProgram(args, run) as Promise<R>

  const need = (): Program => {
    if (!latest) throw new Error('compile: nothing was compiled yet; call the function first')
    return latest
  }
  return Object.assign(call, {
    explain: () => need().executable.explain(),
    memory: () => need().executable.memory(),
    prepare: (...args: Arguments<Args>) => withProgram(args, () => {}),
    async tune(...args: Arguments<Args>) {
      const cases = await withProgram(args, async (program, _, key) => {
        const measured = (await program.executable.tune?.()) ?? []
        // Compiled again, with the kernels that were fastest.
        if (measured.length > 0) programs.evict(key, program)
        return measured
      })
      if (cases.length > 0) await withProgram(args, () => {})
      return cases
    },
    dispose() {
      programs.clear()
      latest = undefined
    },
  })
}

/** Releases the memory that a program keeps between runs. */
function releaseTemporaries(program: Program): void {
  program.executable.releaseTemporaries()
  program.slots.forEach((slot, i) => {
    if (slot && !program.device.isDisposed) program.device.backend.discard(slot)
    program.slots[i] = undefined
  })
}

function discard(program: Program): void {
  releaseTemporaries(program)
  program.executable.dispose()
}

function deviceOf(flat: Flattened): Device {
  for (const leaf of flat.leaves) if (isTensor(leaf) && leaf.device) return leaf.device
  throw new DeviceError(
    'compile: no argument is a tensor on a device, so there is nowhere to run; make one with device.tensor()',
  )
}

const isInput = (leaf: unknown): leaf is Tensor | number => isTensor(leaf) || typeof leaf === 'number'

/**
 * A key that is equal for arguments with the same program: tensors by dtype and shape, all numbers alike, everything
 * else by keyOf.
 */
function signature(flat: Flattened): string {
  const leaves = flat.leaves.map((leaf, i) => {
    if (isTensor(leaf)) return `${leaf.dtype}[${leaf.shape.join(',')}]`
    if (typeof leaf === 'number') return '#'
    if (ArrayBuffer.isView(leaf))
      throw new TypeError(
        `compile: argument ${flat.paths[i]} is a ${leaf.constructor.name}; make it a tensor with device.tensor()`,
      )
    return keyOf(leaf)
  })
  return `${flat.structure}|${leaves.join('|')}`
}

async function build<Args extends unknown[]>(
  f: (...args: Args) => unknown,
  flat: Flattened,
  device: Device,
  donate: ReadonlySet<number>,
): Promise<Program> {
  const inputs: Tensor[] = []
  const donated = new Set<number>()
  const placeholders = flat.leaves.map((leaf, i) => {
    if (!isInput(leaf)) return leaf
    const spec = isTensor(leaf) ? { shape: leaf.shape, dtype: leaf.dtype } : { shape: [], dtype: 'float32' as const }
    const node = makeNode(inputOp, [], { index: inputs.length, ...spec }, [spec])
    const t = new Tensor(node.outputs[0], device)
    if (isTensor(leaf) && donate.has(Number(flat.paths[i].split('.')[0]))) donated.add(inputs.length)
    inputs.push(t)
    return t
  })
  const result = flatten(f(...(flat.rebuild(placeholders) as Args)))
  const promises = result.leaves.filter((leaf) => leaf instanceof Promise)
  // They will not be awaited: their rejection must not end the process.
  for (const p of promises) p.catch(() => {})
  if (promises.length > 0)
    throw new TypeError('compile: the function is async or returns a promise; it must build its graph synchronously')
  const taken = new Set<Value>()
  const outputs: Value[] = []
  for (const leaf of result.leaves) {
    if (!isTensor(leaf)) continue
    // Every result has separate memory: a result that is an argument, or occurs twice, is copied.
    let value = leaf.value
    if (taken.has(value) || value.storage || value.node.op === inputOp) value = apply1(copyOp, [leaf], {}).value
    taken.add(value)
    outputs.push(value)
  }
  if (outputs.length === 0) throw new TypeError('compile: the function returned no tensor')
  const captured: Value[] = []
  const seen = new Set<Value>()
  for (const node of topologicalOrder(outputs)) {
    for (const v of node.inputs) {
      if (!v.storage || seen.has(v)) continue
      assertPresent(v.storage, 'compile')
      seen.add(v)
      captured.push(v)
    }
  }
  await encodeHost(captured.map((v) => v.storage!))
  const preferred = preferredDonors(flat, result, donated, inputs, outputs)
  const executable = await device.backend.compile(
    { inputs: [...inputs.map((t) => t.value), ...captured], outputs },
    { donated, preferred, keepTemporaries: true },
  )
  return { device, executable, outputs, result, slots: inputs.map(() => undefined), uploads: [], captured, donated }
}

/**
 * Matches each result with a donated argument of the same shape and dtype whose path has the longest common suffix, so
 * that state stays in its buffers.
 */
function preferredDonors(
  flat: Flattened,
  result: Flattened,
  donated: ReadonlySet<number>,
  inputs: readonly Tensor[],
  outputs: readonly Value[],
): number[] {
  const inputPaths = flat.paths.filter((_, i) => isInput(flat.leaves[i]))
  const outputPaths = result.paths.filter((_, i) => isTensor(result.leaves[i]))
  const free = new Set(donated)
  const tail = (path: string) => path.split('.')
  return outputs.map((v, o) => {
    let best = -1
    let bestScore = -1
    const out = tail(outputPaths[o])
    for (const i of free) {
      const t = inputs[i]
      if (t.dtype !== v.dtype || t.shape.length !== v.shape.length || t.shape.some((d, k) => d !== v.shape[k])) continue
      const input = tail(inputPaths[i]).slice(1)
      let score = 0
      while (
        score < out.length &&
        score < input.length &&
        out[out.length - 1 - score] === input[input.length - 1 - score]
      )
        score++
      if (score > bestScore) {
        best = i
        bestScore = score
      }
    }
    if (best >= 0) free.delete(best)
    return best
  })
}

async function run(program: Program, flat: Flattened): Promise<unknown> {
  const { device, executable, outputs } = program
  const { backend } = device
  const leaves = flat.leaves.filter(isInput)
  const given = [...program.donated].map((i) => (leaves[i] as Tensor).value.storage!)
  checkDonation(program, flat, given)
  // Waits for evaluations that still read memory about to be reused.
  while (given.some((s) => s.readers)) await Promise.all(given.flatMap((s) => [...(s.readers ?? [])]))
  const buffers = leaves.map((leaf, i) => {
    if (typeof leaf === 'number') return slot(program, i, 16, Float32Array.of(leaf))
    const storage = leaf.value.storage as Storage
    assertPresent(storage, 'compile')
    if (storage.host && !program.donated.has(i) && storage.host.byteLength <= slotBytes) {
      if (storage.upload === undefined) {
        const bytes = bufferBytes(storage.spec.dtype, elementCount(storage.spec.shape))
        const buffer = slot(program, i, bytes, storage.host)
        program.uploads[i] = storage.upload = ++uploads
        return buffer
      }
      if (program.slots[i] && program.uploads[i] === storage.upload) return keepSlot(program, i, storage)
    }
    freeSlot(program, i)
    return device.bufferOf(storage)
  })
  for (const v of program.captured) {
    assertPresent(v.storage!, 'compile')
    buffers.push(device.bufferOf(v.storage!))
  }
  const donors = [...program.donated].map((i, k) => ({ buffer: buffers[i], storage: given[k] }))
  const fresh: DeviceBuffer[] = []
  let outs: DeviceBuffer[]
  let running: void | Promise<void>
  try {
    outs = outputs.map((v, i) => {
      const alias = executable.aliases[i]
      if (alias >= 0) return buffers[alias]
      fresh.push(backend.allocate(bufferBytes(v.dtype, elementCount(v.shape))))
      return fresh[fresh.length - 1]
    })
    running = executable.run(buffers, outs)
  } catch (error) {
    // Nothing has run (memory is allocated before the first kernel): the arguments are unchanged.
    for (const b of fresh) backend.release(b)
    throw error
  }
  // The memory of donated arguments now belongs to the results, or is released.
  const kept = new Set(outs)
  for (const { buffer, storage } of donors) {
    device.disown(storage)
    storage.gone = 'donated'
    storage.buffer = undefined
    storage.host = undefined
    if (!kept.has(buffer)) backend.release(buffer)
  }
  try {
    await running
  } catch (error) {
    // Donated arguments are lost; the results' buffers are released.
    for (const b of new Set(outs)) backend.release(b)
    throw error
  }
  let k = 0
  return program.result.rebuild(
    program.result.leaves.map((leaf) => {
      if (!isTensor(leaf)) return leaf
      const v = outputs[k]
      return tensorFromStorage(device, { shape: v.shape, dtype: v.dtype }, sourceOp, { buffer: outs[k++] })
    }),
  )
}

/**
 * @throws DeviceError if the function also reads donated memory as another argument or from outside: it would be
 *   overwritten while it is read
 */
function checkDonation(program: Program, flat: Flattened, donated: readonly Storage[]): void {
  if (donated.length === 0) return
  const paths = flat.paths.filter((_, i) => isInput(flat.leaves[i]))
  const leaves = flat.leaves.filter(isInput)
  const nameOf = (storage: Storage): string =>
    paths[leaves.findIndex((l) => isTensor(l) && l.value.storage === storage)]
  const seen = new Set<Storage>()
  leaves.forEach((leaf, i) => {
    const storage = isTensor(leaf) ? leaf.value.storage! : undefined
    if (!storage || !donated.includes(storage)) return
    if (seen.has(storage))
      throw new DeviceError(
        `compile: arguments ${nameOf(storage)} and ${paths[i]} are one tensor, and it is donated: its memory would be overwritten while the other is read; pass a copy (x.mul(1)), or do not donate it`,
      )
    seen.add(storage)
  })
  const captured = program.captured.find((v) => donated.includes(v.storage!))
  if (captured)
    throw new DeviceError(
      `compile: argument ${nameOf(captured.storage!)} is donated, but the function also reads that tensor from outside (it closes over it); read the argument instead, or do not donate it`,
    )
}

/** Gives the buffer of slot `i`, which holds the storage's data, to the storage. */
function keepSlot(program: Program, i: number, storage: Storage): DeviceBuffer {
  const buffer = program.slots[i]!
  program.slots[i] = undefined
  storage.buffer = buffer
  storage.host = undefined
  program.device.adopt(storage)
  return buffer
}

/** Releases slot `i`, for an input that has its own buffer. */
function freeSlot(program: Program, i: number): void {
  if (program.slots[i]) program.device.backend.release(program.slots[i])
  program.slots[i] = undefined
}

function slot(program: Program, i: number, bytes: number, data: HostArray): DeviceBuffer {
  program.slots[i] ??= program.device.backend.allocate(bytes)
  program.device.backend.upload(program.slots[i], data)
  return program.slots[i]
}
