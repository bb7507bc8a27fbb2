/** Times the sizes of a curve; each round runs all of them. */
import { init } from '@kumiki/tensor'
import type { BackendName } from '../common/options.ts'
import type { Curve, Prepared } from './curves.ts'
import { type CurveVerdict, judge } from './verdict.ts'

export type Clock = 'processor' | 'elapsed'

export interface Measured {
  readonly curve: Curve
  readonly backend: BackendName
  readonly adapter: string
  /** Clock of `seconds`: processor time for one thread, which other processes hardly affect; otherwise elapsed time. */
  readonly clock: Clock
  /** Seconds per call: `[size][round]`. */
  readonly seconds: readonly (readonly number[])[]
  /** Growth of the time of the fastest round with the FLOPs. */
  readonly time: CurveVerdict
  /** Growth of peak memory in bytes with the size. */
  readonly memory: CurveVerdict
}

/** Minimum duration of a measurement, far above the resolution of the clocks. */
const turnSeconds = 0.05

/** Most that a FLOP may cost in time, or a unit of size in bytes, relative to the best smaller size. */
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
