/** Runs one random program in every way and compares the results with the reference backend. */
import * as K from '../../src/index.ts'
import { random } from '../conformance-cases.ts'
import { build, coarsestStep, makeProgram, type Program } from './program.ts'

export interface Verdict {
  readonly program: Program
  /** What is wrong, and in which way of running it; undefined if nothing is. */
  readonly problem?: string
  /** Right only within the steps of its narrow formats: somewhere a value lay between two codes. */
  readonly loose: boolean
}

type Results = readonly (readonly number[])[]

const tight = 3e-4

/** Runs the program of a seed in every way there is, and holds each against the reference backend. */
export async function checkSeed(seed: number, reference: K.Device, devices: readonly K.Device[]): Promise<Verdict> {
  const program = await makeProgram(seed, reference)
  let loose = false
  const expected = await eager(program, reference)
  for (const device of devices) {
    const own: Record<string, Results> = {}
    for (const [way, run] of Object.entries(ways)) {
      const where = `seed ${seed}, ${device.kind}, ${way}`
      try {
        own[way] = await run(program, device, seed)
      } catch (error) {
        return { program, problem: `${where}: ${(error as Error).stack}`, loose }
      }
      const off = difference(own[way], expected)
      if (off.relative > tight) {
        loose = true
        if (off.relative > 40 * coarsestStep(program)) return { program, problem: `${where}: ${off.text}`, loose }
      }
    }
    // One graph, one device: the same bits however it is run.
    for (const way of ['compiled', 'again', 'donated'])
      if (JSON.stringify(own[way]) !== JSON.stringify(own.eager))
        return { program, problem: `seed ${seed}, ${device.kind}: ${way} has other bits than eager`, loose }
  }
  return { program, loose }
}

const ways: Record<string, (program: Program, device: K.Device, seed: number) => Promise<Results>> = {
  eager,
  /** Values computed on the way, as somebody who prints them does. */
  async stepwise(program, device, seed) {
    const next = random(seed + 1)
    const outs = build(program, inputsOn(device, program))
    for (const t of outs) if (next() < 0.5 && t.device) await t.evaluate()
    return resultsOf(outs, device)
  },
  async compiled(program, device) {
    const f = K.compile((list: readonly K.Tensor[]) => build(program, list))
    const results = await resultsOf(await f(inputsOn(device, program)), device)
    f.dispose()
    return results
  },
  /** The second run of a program, on buffers that hold other values. */
  async again(program, device) {
    const f = K.compile((list: readonly K.Tensor[]) => build(program, list))
    const others = {
      ...program,
      inputs: program.inputs.map((x) => ({ ...x, data: x.data.map((v) => Math.trunc(v / 2)) })),
    }
    await resultsOf(await f(inputsOn(device, others)), device).catch(() => {})
    const results = await resultsOf(await f(inputsOn(device, program)), device)
    f.dispose()
    return results
  },
  async donated(program, device) {
    const f = K.compile((list: readonly K.Tensor[]) => build(program, list), { donate: [0] })
    const results = await resultsOf(await f(inputsOn(device, program)), device)
    f.dispose()
    return results
  },
}

async function eager(program: Program, device: K.Device): Promise<Results> {
  return resultsOf(build(program, inputsOn(device, program)), device)
}

function inputsOn(device: K.Device, program: Program): K.Tensor[] {
  return program.inputs.map((x) => device.tensor(x.data, x.shape, x.dtype))
}

async function resultsOf(outs: readonly K.Tensor[], device: K.Device): Promise<Results> {
  // A gradient that nothing depends on is a constant, which is on no device.
  const here = outs.map((t) => (t.device ? t : K.add(t, device.tensor(0, [], t.dtype))))
  await device.evaluate(here)
  const results = await Promise.all(here.map(async (t) => Array.from(await t.data())))
  for (const t of here) t.dispose()
  return results
}

/** The largest difference, relative to the largest expected value of its tensor, and where it is. */
function difference(actual: Results, expected: Results): { relative: number; text: string } {
  let worst = { relative: 0, text: '' }
  expected.forEach((want, k) => {
    const scale = Math.max(1, ...want.map(Math.abs).filter(Number.isFinite))
    if (actual[k].length !== want.length)
      worst = { relative: Number.POSITIVE_INFINITY, text: `output ${k}: other length` }
    want.forEach((w, i) => {
      const a = actual[k][i]
      const off = Object.is(a, w) ? 0 : Math.abs(a - w) / scale
      if (off > worst.relative || Number.isNaN(off))
        worst = {
          relative: Number.isNaN(off) ? Number.POSITIVE_INFINITY : off,
          text: `output ${k}, element ${i}: ${a}, expected ${w} (largest ${scale})`,
        }
    })
  })
  return worst
}
