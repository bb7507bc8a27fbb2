/** Checks every kernel against the cpu backend, then times the variants that passed. */
import { type Ceilings, type Device, init, measureCeilings } from '@kumiki/tensor'
import { attentionVariants } from '../../packages/tensor/src/ops/attention/attention.wgsl.ts'
import { groupedVariants } from '../../packages/tensor/src/ops/grouped-matmul/grouped-matmul.wgsl.ts'
import { matmulVariants } from '../../packages/tensor/src/ops/matmul/matmul.wgsl.ts'
import { medianOf } from '../common/statistics.ts'
import { largestDifference } from '../kernels/cases.ts'
import { takeTurns } from '../kernels/turns.ts'
import { type GpuKernel, PreparedKernel } from './kernels.ts'
import type { GpuRecord } from './record.ts'
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

  async dispose(): Promise<void> {
    for (const device of this.made.values()) await device.then((d) => d.dispose()).catch(() => {})
  }
}

const allVariants: Readonly<Record<OpWithVariants, readonly string[]>> = {
  matmul: matmulVariants,
  attention: attentionVariants,
  groupedMatmul: groupedVariants,
}

const variantsOf = ({ variants }: Sizes, op: OpWithVariants) => variants?.[op] ?? allVariants[op]

export async function ceilings(record: GpuRecord, devices: Devices): Promise<Ceilings | undefined> {
  let found: Ceilings | undefined
  await record.try('ceilings', 'multiply-adds in registers; a pass over 64 MiB', async () => {
    found = await measureCeilings(await devices.of())
    return { gflops: found.gflops, gigabytes: found.gigabytes }
  })
  return found
}

/** @returns `${op} ${variant}` of the variants whose results agree with the cpu backend's */
export async function check(record: GpuRecord, devices: Devices, sizes: Sizes): Promise<Set<string>> {
  const cpu = await init({ backend: 'cpu' })
  const passed = new Set<string>()
  const groups: [OpWithVariants | undefined, readonly GpuKernel[]][] = [
    ['matmul', sizes.products],
    ['attention', sizes.attentions],
    ['groupedMatmul', sizes.others.filter(({ name }) => name.startsWith('groupedMatmul'))],
    [undefined, sizes.others.filter(({ name }) => !name.startsWith('groupedMatmul'))],
  ]
  for (const [op, kernels] of groups)
    for (const kernel of kernels) {
      const expected = new PreparedKernel(cpu, kernel)
      const right = await expected.results()
      expected.dispose()
      for (const variant of op ? variantsOf(sizes, op) : [undefined]) {
        const name = variant ? `${kernel.name}, ${variant}` : kernel.name
        const row = await record.try('check', name, async () => {
          const prepared = new PreparedKernel(await devices.of(op, variant), kernel)
          try {
            const difference = largestDifference(await prepared.results(), right)
            const ran = op && prepared.variant(op)
            if (!(difference <= kernel.tolerance))
              throw new Error(
                `differs from the cpu backend by ${difference.toExponential(1)} (allowed: ${kernel.tolerance})`,
              )
            return { difference, ran: ran ?? null }
          } finally {
            prepared.dispose()
          }
        })
        if (row.ok && variant && row.ran === variant) passed.add(`${op} ${variant}`)
      }
    }
  cpu.dispose()
  return passed
}

/** Times the variant that the package chooses and every other that passed, alternately. */
export async function timed(
  record: GpuRecord,
  devices: Devices,
  sizes: Sizes,
  passed: ReadonlySet<string>,
  peak: Ceilings | undefined,
): Promise<void> {
  const groups: [OpWithVariants | undefined, readonly GpuKernel[]][] = [
    ['matmul', sizes.timedProducts],
    ['attention', sizes.timedAttentions],
    [undefined, sizes.timedOthers],
  ]
  for (const [op, kernels] of groups)
    for (const kernel of kernels)
      await record.try('kernels', kernel.name, async () => {
        const variants = op ? variantsOf(sizes, op).filter((v) => passed.has(`${op} ${v}`)) : []
        const prepared = new Map<string, PreparedKernel>()
        try {
          const chosen = new PreparedKernel(await devices.of(), kernel)
          prepared.set('chosen', chosen)
          await chosen.time(1)
          const rule = op ? chosen.variant(op) : 'the only one'
          for (const variant of variants.filter((v) => v !== rule)) {
            const other = new PreparedKernel(await devices.of(op, variant), kernel)
            prepared.set(variant, other)
            await other.time(1)
            // Where a variant does not apply to the shape, the program has chosen another one.
            if (other.variant(op!) !== variant) {
              other.dispose()
              prepared.delete(variant)
            }
          }
          const names = [...prepared.keys()]
          const seconds = await takeTurns(
            [...prepared.values()].map((p) => (calls) => p.time(calls)),
            sizes.rounds,
          )
          const all = names.map((name, i) => ({
            variant: name === 'chosen' ? rule : name,
            milliseconds: 1e3 * medianOf(seconds[i]),
          }))
          const [mine] = all
          const best = all.reduce((a, b) => (b.milliseconds < a.milliseconds ? b : a))
          const gflops = kernel.flops / mine.milliseconds / 1e6
          return {
            milliseconds: mine.milliseconds,
            gflops,
            gigabytes: kernel.bytes / mine.milliseconds / 1e6,
            shareOfPeak: peak && gflops / peak.gflops,
            shareOfBandwidth: peak && kernel.bytes / mine.milliseconds / 1e6 / peak.gigabytes,
            rule,
            fastest: best.variant,
            fastestMilliseconds: best.milliseconds,
            variants: all,
          }
        } finally {
          for (const p of prepared.values()) p.dispose()
        }
      })
}
