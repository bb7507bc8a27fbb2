/** Checks every kernel against the cpu backend, then times the variants that passed. */
import { type Device, init } from '@kumiki/tensor'
import { attentionVariants } from '../../packages/tensor/src/ops/attention/attention.wgsl.ts'
import { groupedVariants } from '../../packages/tensor/src/ops/grouped-matmul/grouped-matmul.wgsl.ts'
import { matmulVariants } from '../../packages/tensor/src/ops/matmul/matmul.wgsl.ts'
import { medianOf } from '../common/statistics.ts'
import { largestDifference } from '../kernels/cases.ts'
import { type GpuKernel, PreparedKernel } from './kernels.ts'
import { type Peaks, peakFor } from './peaks.ts'
import { type Cases, reasonOf } from './record.ts'
import type { OpWithVariants, Sizes } from './sizes.ts'

/** One device for each selected kernel variant, created at the first request. */
export class Devices {
  private readonly made = new Map<string, Promise<Device>>()
  private readonly gpu: GPU

  constructor(gpu: GPU) {
    this.gpu = gpu
  }

  /** @param variant to use for the op; undefined: the one that the package chooses */
  of(op?: OpWithVariants, variant?: string): Promise<Device> {
    const key = `${op} ${variant}`
    const kernels = op && variant ? { [op]: variant } : undefined
    const device = this.made.get(key) ?? init({ backend: 'webgpu', gpu: this.gpu, kernels })
    this.made.set(key, device)
    return device
  }

  /** Disposes all, so that the next request makes others: after an error, or if the GPU was lost. */
  async renew(): Promise<void> {
    const old = [...this.made.values()]
    this.made.clear()
    for (const device of old) await device.then((d) => d.dispose()).catch(() => {})
  }
}

const allVariants: Readonly<Record<OpWithVariants, readonly string[]>> = {
  matmul: matmulVariants,
  attention: attentionVariants,
  groupedMatmul: groupedVariants,
}

const variantsOf = ({ variants }: Sizes, op: OpWithVariants) => variants?.[op] ?? allVariants[op]

type Group = readonly [op: OpWithVariants | undefined, kernels: readonly GpuKernel[]]
const isGrouped = ({ name }: GpuKernel) => name.startsWith('groupedMatmul')
const groupsOf = (
  products: readonly GpuKernel[],
  attentions: readonly GpuKernel[],
  others: readonly GpuKernel[],
): Group[] => [
  ['matmul', products],
  ['attention', attentions],
  ['groupedMatmul', others.filter(isGrouped)],
  [undefined, others.filter((kernel) => !isGrouped(kernel))],
]

/** What the checks say about the variants. */
export interface Checked {
  /** Whether a variant ran at least once and gave the cpu backend's results each time. */
  passed(op: OpWithVariants, variant: string): boolean
  failed(op: OpWithVariants, variant: string): boolean
}

/** Compares every variant with the cpu backend. */
export async function check(cases: Cases, devices: Devices, sizes: Sizes): Promise<Checked> {
  const cpu = await init({ backend: 'cpu' })
  const right = new Set<string>()
  const wrong = new Set<string>()
  for (const [op, kernels] of groupsOf(sizes.products, sizes.attentions, sizes.others))
    for (const kernel of kernels) {
      let expected: Float32Array[] | undefined
      const expectedResults = async () => {
        const prepared = new PreparedKernel(cpu, kernel)
        try {
          return await prepared.results()
        } finally {
          prepared.dispose()
        }
      }
      for (const variant of op ? variantsOf(sizes, op) : [undefined]) {
        const name = variant ? `${kernel.name}, ${variant}` : kernel.name
        const row = await cases.try('check', name, async () => {
          expected ??= await expectedResults()
          const prepared = new PreparedKernel(await devices.of(op, variant), kernel)
          try {
            const difference = largestDifference(await prepared.results(), expected)
            if (!(difference <= kernel.tolerance))
              throw new Error(
                `differs from the cpu backend by ${difference.toExponential(1)} (allowed: ${kernel.tolerance})`,
              )
            const ran = op && (await prepared.variant(op))
            return { difference, ran, ...(ran !== variant && { note: `${variant} does not support this case` }) }
          } finally {
            prepared.dispose()
          }
        })
        if (row.leftOut) continue
        if (!row.ok) wrong.add(`${op} ${variant}`)
        else if (row.ran === variant) right.add(`${op} ${variant}`)
      }
    }
  cpu.dispose()
  return {
    passed: (op, variant) => right.has(`${op} ${variant}`) && !wrong.has(`${op} ${variant}`),
    failed: (op, variant) => wrong.has(`${op} ${variant}`),
  }
}

interface Contestant {
  readonly name: string
  readonly prepared: PreparedKernel
  readonly seconds: number[]
}

/**
 * Times the variant that the rules choose, every other that passed, and the one that the tuner then chooses, by the
 * device's clock. At these sizes too, variants must agree with each other.
 */
export async function timed(
  cases: Cases,
  devices: Devices,
  sizes: Sizes,
  checked: Checked,
  peak: Peaks,
): Promise<void> {
  for (const [op, kernels] of groupsOf(sizes.timedProducts, sizes.timedAttentions, sizes.timedOthers))
    for (const kernel of kernels)
      await cases.try('kernels', kernel.name, async () => {
        const contestants: Contestant[] = []
        const wrong: string[] = []
        try {
          const chosen = new PreparedKernel(await devices.of(), kernel)
          contestants.push({ name: 'chosen', prepared: chosen, seconds: [] })
          await chosen.deviceSeconds()
          const rule = op ? await chosen.variant(op) : 'the only one'
          const others = op ? variantsOf(sizes, op).filter((v) => v !== rule && checked.passed(op, v)) : []
          for (const variant of others) {
            const prepared = new PreparedKernel(await devices.of(op, variant), kernel)
            try {
              await prepared.deviceSeconds()
              // Where a variant does not support the shape, the program has chosen another one.
              if ((await prepared.variant(op!)) === variant) contestants.push({ name: variant, prepared, seconds: [] })
              else prepared.dispose()
            } catch (error) {
              wrong.push(`${variant}: ${reasonOf(error)}`)
              prepared.dispose()
            }
          }
          contestants[0] = { ...contestants[0], name: rule }
          // The plainest variant is the last one of the list.
          const sums: Float32Array[][] = []
          for (const { prepared } of contestants) sums.push(await prepared.rowSums())
          for (const [i, { name }] of contestants.entries()) {
            const difference = largestDifference(sums[i], sums.at(-1)!)
            if (!(difference <= 4 * kernel.tolerance))
              wrong.push(`${name} differs from ${contestants.at(-1)!.name} by ${difference.toExponential(1)}`)
          }
          for (let round = 0; round < sizes.rounds; round++)
            for (const { prepared, seconds } of contestants) seconds.push(await prepared.deviceSeconds())
          const variants = contestants.map(({ name, seconds }) => ({
            variant: name,
            milliseconds: 1e3 * medianOf(seconds),
          }))
          const [mine] = variants
          const best = variants.reduce((a, b) => (b.milliseconds < a.milliseconds ? b : a))
          const queued = await chosen.queuedSeconds()
          const tuned = op && (await chosen.tune(op))
          const rates = ({ milliseconds }: { readonly milliseconds: number }) => kernel.flops / milliseconds / 1e6
          const most = peakFor(peak, kernel.dtype)
          const gigabytes = kernel.bytes / mine.milliseconds / 1e6
          if (op && checked.failed(op, rule)) wrong.push(`the rule chooses ${rule}, which has failed a check`)
          if (wrong.length > 0) throw new Error(wrong.join('; '))
          return {
            milliseconds: mine.milliseconds,
            queuedMilliseconds: 1e3 * queued,
            gflops: rates(mine),
            shareOfPeak: most && rates(mine) / most.gflops,
            peak: most?.of,
            gigabytes,
            shareOfBandwidth: peak.gigabytes && gigabytes / peak.gigabytes,
            rule,
            tuner: tuned?.join(', ') || undefined,
            fastest: best.variant,
            fastestMilliseconds: best.milliseconds,
            fastestShareOfPeak: most && rates(best) / most.gflops,
            variants,
          }
        } finally {
          for (const { prepared } of contestants) prepared.dispose()
        }
      })
}
