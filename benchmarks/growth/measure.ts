/** Times the sizes of a curve turn by turn. */
import { init } from '@kumiki/tensor'
import type { BackendName } from '../common/options.ts'
import type { Curve, Prepared } from './curves.ts'
import { type CurveVerdict, judge } from './verdict.ts'

export type Clock = 'processor' | 'elapsed'

export interface Measured {
  readonly curve: Curve
  readonly backend: BackendName
  readonly adapter: string
  /** Of which seconds are: one thread's work takes as much of its processor whoever else is on the machine. */
  readonly clock: Clock
  /** Of every size, the seconds of a call in each round. */
  readonly seconds: readonly (readonly number[])[]
  /** The best round against FLOPs. */
  readonly time: CurveVerdict
  /** Peak bytes against size. */
  readonly memory: CurveVerdict
}

/** A turn lasts at least so long, so that a clock can tell. */
const turnSeconds = 0.05

/** A FLOP, or a byte of a unit of size, may cost so many times the best smaller size's. */
export const allowed = { time: 1.25, memory: 1.1 }

export async function measureCurve(
  curve: Curve,
  backend: BackendName,
  options: { rounds: number; threads: number; sizes?: readonly number[] },
): Promise<Measured> {
  const device = await init({ backend, threads: options.threads })
  const clock: Clock = backend === 'cpu' && options.threads === 1 ? 'processor' : 'elapsed'
  const sizes = options.sizes ?? curve.sizes
  const all: { prepared: Prepared; calls: number; seconds: number[] }[] = []
  for (const size of sizes) {
    const prepared = await curve.prepare(device, size)
    await prepared.run()
    const once = await timed(clock, prepared, 1)
    all.push({ prepared, calls: Math.max(1, Math.ceil(turnSeconds / once)), seconds: [] })
  }
  for (let round = 0; round < options.rounds; round++)
    for (const { prepared, calls, seconds } of all) seconds.push(await timed(clock, prepared, calls))
  const points = (costOf: (i: number) => number, workOf: (size: number) => number) =>
    sizes.map((size, i) => ({ size, work: workOf(size), cost: costOf(i) }))
  const measured = {
    curve,
    backend,
    adapter: device.name,
    clock,
    seconds: all.map(({ seconds }) => seconds),
    time: judge(
      points((i) => Math.min(...all[i].seconds), curve.flops),
      allowed.time,
    ),
    memory: judge(
      points(
        (i) => all[i].prepared.peakBytes,
        (size) => size,
      ),
      allowed.memory,
    ),
  }
  for (const { prepared } of all) prepared.dispose()
  device.dispose()
  return measured
}

/** Seconds of one call. */
async function timed(clock: Clock, prepared: Prepared, calls: number): Promise<number> {
  const before = process.cpuUsage()
  const started = performance.now()
  for (let i = 0; i < calls; i++) await prepared.run()
  const elapsed = (performance.now() - started) / 1e3
  const { user, system } = process.cpuUsage(before)
  return (clock === 'processor' ? (user + system) / 1e6 : elapsed) / calls
}
