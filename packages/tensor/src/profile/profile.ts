// Profiling: kernel times, measured peak performance of a device, Chrome traces.

import type { KernelTiming } from '../backends/backend.ts'
import type { Device } from '../device.ts'
import { DeviceError } from '../errors.ts'
import { add } from '../ops/add.ts'
import { sum } from '../ops/broadcast-sum.ts'
import { mul } from '../ops/mul.ts'
import type { Tensor } from '../tensor.ts'
import { compile } from '../transforms/compile.ts'

/** Measured peak performance of a device. */
export interface Ceilings {
  /** GFLOP/s of multiply-adds on values in registers. */
  readonly gflops: number
  /** GB/s of reading and writing arrays far larger than caches. */
  readonly gigabytes: number
}

/** Timings of kernels, in the order in which they ran. */
export interface Profile {
  readonly device: string
  readonly kernels: readonly KernelTiming[]
  readonly ceilings?: Ceilings
}

/**
 * Times every kernel that `f` runs on a device, by timestamps of the device if it has them. Kernels run one at a time
 * meanwhile, so the whole takes longer than without profiling. Run `f` once before, so that compilation is not
 * included.
 *
 * @param options.ceilings also measure the device's peak performance, for comparison
 * @throws DeviceError on the reference backend
 * @example
 * const { kernels } = await profile(device, () => matmul(device.tensor([[1]]), device.tensor([[2]])).data())
 * kernels.some(({ name }) => name.startsWith('matmul')) // true
 */
export async function profile(
  device: Device,
  f: () => unknown,
  options: { readonly ceilings?: boolean } = {},
): Promise<Profile> {
  const { backend } = device
  if (!backend.record) throw new DeviceError(`profile: the ${device.kind} backend does not time kernels`)
  const ceilings = options.ceilings ? await measureCeilings(device) : undefined
  const kernels: KernelTiming[] = []
  await backend.settle?.()
  await backend.record(kernels)
  try {
    await f()
    await backend.settle?.()
  } finally {
    await backend.record(undefined)
  }
  return { device: device.name, kernels, ceilings }
}

/** Rounds of a measurement. The fastest counts, because other work on the machine only slows it down. */
const rounds = 7

/**
 * Measures a device's peak performance: chains of multiply-adds, and a pass over 64 MiB. A device that is through with
 * these too soon to be measured, as GPUs are, gets more work: results that are only summed, so that memory does not
 * limit their rate, and 256 MiB, which no cache holds.
 * @example const { gflops, gigabytes } = await measureCeilings(device)
 */
export async function measureCeilings(device: Device): Promise<Ceilings> {
  let computing = await chainRate(device, [1, 1 << 20], false)
  if (computing.microseconds < shortest) computing = await chainRate(device, [1 << 13, 1 << 13], true)
  let moving = await passRate(device, 1 << 24)
  // Not every device can bind that much at once.
  if (moving.microseconds < shortest) moving = await passRate(device, 1 << 26).catch(() => moving)
  return { gflops: computing.rate, gigabytes: moving.rate }
}

/** Microseconds below which starting and ending a kernel takes a noticeable part of its time. */
const shortest = 250

interface Rate {
  /** Thousands of millions per second. */
  readonly rate: number
  readonly microseconds: number
  /** Those of a round. */
  readonly kernels: readonly KernelTiming[]
}

/** The rate of `work` operations or bytes per call, from the fastest round. */
async function fastest(device: Device, work: number, f: () => Promise<unknown>): Promise<Rate> {
  await f()
  let microseconds = Number.POSITIVE_INFINITY
  let kernels: readonly KernelTiming[] = []
  for (let i = 0; i < rounds; i++) {
    ;({ kernels } = await profile(device, f))
    const taken = kernels.reduce((total, k) => total + k.duration, 0)
    microseconds = Math.min(microseconds, taken)
  }
  return { rate: work / microseconds / 1e3, microseconds, kernels }
}

/**
 * GFLOP/s of chains of multiply-adds. Eight interleaved chains hide the latency of the operations; together they are
 * few enough nodes for one kernel.
 * @param summed whether rows of results are summed and not stored
 */
export async function chainRate(device: Device, [m, n]: readonly [number, number], summed: boolean): Promise<Rate> {
  const [width, links] = [8, 5]
  const chains = compile((x: Tensor, y: Tensor, a: Tensor, b: Tensor) => {
    const start = summed ? add(x, y) : y
    let values = Array.from({ length: width }, (_, c) => add(start, c + 1))
    for (let i = 0; i < links; i++) values = values.map((v) => add(mul(v, a), b))
    const all = values.reduce((total, v) => add(total, v))
    return summed ? sum(all, -1) : all
  })
  const inputs = [
    device.tensor(new Float32Array(m).fill(0.5), [m, 1]),
    device.tensor(new Float32Array(n).fill(0.5)),
    device.tensor(0.5),
    device.tensor(0.25),
  ] as const
  try {
    return await fastest(device, width * (2 * links + 2) * m * n, async () => (await chains(...inputs)).dispose())
  } finally {
    chains.dispose()
    for (const t of inputs) t.dispose()
  }
}

/** GB/s of reading an array of float32 and writing it in place. */
export async function passRate(device: Device, elements: number): Promise<Rate> {
  const pass = compile((x: Tensor) => add(x, 1), { donate: [0] })
  let x = device.tensor(new Float32Array(elements))
  try {
    return await fastest(device, 8 * elements, async () => {
      x = await pass(x)
    })
  } finally {
    pass.dispose()
    x.dispose()
  }
}

/** All runs of the kernels of one name. */
export interface ProfileRow {
  readonly name: string
  readonly count: number
  readonly ms: number
  /** Fraction of the time of all kernels. */
  readonly share: number
  readonly gflops: number
  readonly gigabytes: number
}

/**
 * Kernels by name, by decreasing total time.
 * @example profileRows(await profile(device, () => device.tensor([1]).exp().data()))[0].name // 'exp'
 */
export function profileRows({ kernels }: Profile): ProfileRow[] {
  const groups = new Map<string, KernelTiming[]>()
  for (const k of kernels) {
    const group = groups.get(k.name)
    if (group) group.push(k)
    else groups.set(k.name, [k])
  }
  const total = kernels.reduce((sum, k) => sum + k.duration, 0)
  const rows = [...groups].map(([name, group]): ProfileRow => {
    const of = (pick: (k: KernelTiming) => number) => group.reduce((sum, k) => sum + pick(k), 0)
    const microseconds = of((k) => k.duration)
    const rate = (amount: number) => (microseconds > 0 ? amount / microseconds / 1e3 : 0)
    return {
      name,
      count: group.length,
      ms: microseconds / 1000,
      share: total > 0 ? microseconds / total : 0,
      gflops: rate(of((k) => k.flops)),
      gigabytes: rate(of((k) => k.bytes)),
    }
  })
  return rows.sort((a, b) => b.ms - a.ms)
}

/**
 * A profile as a text table: times, shares, and rates compared with the device's peaks.
 * @example
 * profileTable(await profile(device, () => device.tensor([1]).exp().data())).split('\n').length > 1 // true
 */
export function profileTable(p: Profile, limit = 30): string {
  const rows = profileRows(p)
  const width = Math.max(6, ...rows.slice(0, limit).map((r) => r.name.length))
  const line = (cells: readonly string[]) =>
    [cells[0].padEnd(width), ...cells.slice(1).map((c) => c.padStart(9))].join(' ')
  const percent = (x: number) => `${(100 * x).toFixed(1)} %`
  const of = (value: number, ceiling: number | undefined) => (ceiling ? `${percent(value / ceiling)}` : '')
  const head = ['kernel', 'runs', 'ms', 'share', 'GFLOP/s', 'GB/s', ...(p.ceilings ? ['of FLOPs', 'of GB/s'] : [])]
  const body = rows
    .slice(0, limit)
    .map((r) =>
      line([
        r.name,
        String(r.count),
        r.ms.toFixed(3),
        percent(r.share),
        r.gflops.toFixed(2),
        r.gigabytes.toFixed(2),
        ...(p.ceilings ? [of(r.gflops, p.ceilings.gflops), of(r.gigabytes, p.ceilings.gigabytes)] : []),
      ]),
    )
  const total = p.kernels.reduce((sum, k) => sum + k.duration, 0) / 1000
  return [
    `${p.device}: ${p.kernels.length} kernels, ${total.toFixed(2)} ms`,
    ...(p.ceilings
      ? [`ceilings: ${p.ceilings.gflops.toFixed(1)} GFLOP/s, ${p.ceilings.gigabytes.toFixed(1)} GB/s`]
      : []),
    line(head),
    ...body,
    ...(rows.length > limit ? [`... ${rows.length - limit} more kinds of kernels`] : []),
  ].join('\n')
}

/**
 * A profile in the Chrome trace event format: save it as a .json file and open it in ui.perfetto.dev or
 * chrome://tracing.
 * @see https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
 * @example
 * JSON.parse(chromeTrace(await profile(device, () => device.tensor([1]).exp().data()))).traceEvents.length > 0 // true
 */
export function chromeTrace({ device, kernels }: Profile): string {
  const meta = { ph: 'M', pid: 1, tid: 1, ts: 0 }
  return JSON.stringify({
    displayTimeUnit: 'ms',
    traceEvents: [
      { ...meta, name: 'process_name', args: { name: 'Kumiki' } },
      { ...meta, name: 'thread_name', args: { name: device } },
      ...kernels.map(({ name, start, duration, flops, bytes }) => ({
        name,
        cat: 'kernel',
        ph: 'X',
        pid: 1,
        tid: 1,
        ts: start,
        dur: duration,
        args: {
          flops,
          bytes,
          'GFLOP/s': duration > 0 ? flops / duration / 1e3 : 0,
          'GB/s': duration > 0 ? bytes / duration / 1e3 : 0,
        },
      })),
    ],
  })
}
