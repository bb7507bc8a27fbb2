/** Checks every kernel against the processor, then times what passed. */
import { type Ceilings, type Device, init, measureCeilings } from '@kumiki/tensor'
import { attentionVariants } from '../../packages/tensor/src/ops/attention/attention.wgsl.ts'
import { groupedVariants } from '../../packages/tensor/src/ops/grouped-matmul/grouped-matmul.wgsl.ts'
import { matmulVariants } from '../../packages/tensor/src/ops/matmul/matmul.wgsl.ts'
import { medianOf } from '../common/statistics.ts'
import { largestDifference } from '../kernels/cases.ts'
import { takeTurns } from '../kernels/turns.ts'
import { type GpuKernel, PreparedKernel } from './kernels.ts'
import type { GpuRecord } from './record.ts'
import type { Sizes } from './sizes.ts'

type Family = 'matmul' | 'attention' | 'groupedMatmul'

/** A device for each variant that is pinned, made when it is asked for. */
export class Devices {
  private readonly made = new Map<string, Promise<Device>>()
  private readonly gpu: GPU

  constructor(gpu: GPU) {
    this.gpu = gpu
  }

  /** @param variant undefined: what the package chooses by rule */
  of(family?: Family, variant?: string): Promise<Device> {
    const key = `${family} ${variant}`
    const kernels = family && variant ? { [family]: variant } : undefined
    const device = this.made.get(key) ?? init({ backend: 'webgpu', gpu: this.gpu, kernels })
    this.made.set(key, device)
    return device
  }

  async dispose(): Promise<void> {
    for (const device of this.made.values()) await device.then((d) => d.dispose()).catch(() => {})
  }
}

const variantsOf: Readonly<Record<Family, readonly string[]>> = {
  matmul: matmulVariants,
  attention: attentionVariants,
  groupedMatmul: groupedVariants,
}

export async function ceilings(record: GpuRecord, devices: Devices): Promise<Ceilings | undefined> {
  let found: Ceilings | undefined
  await record.try('ceilings', 'multiply-adds in registers; a pass over 64 MiB', async () => {
    found = await measureCeilings(await devices.of())
    return { gflops: found.gflops, gigabytes: found.gigabytes }
  })
  return found
}

/** @returns the names of kernels that agree, with their variant */
export async function check(record: GpuRecord, devices: Devices, sizes: Sizes): Promise<Set<string>> {
  const cpu = await init({ backend: 'cpu' })
  const passed = new Set<string>()
  const families: [Family | undefined, readonly GpuKernel[]][] = [
    ['matmul', sizes.products],
    ['attention', sizes.attentions],
    ['groupedMatmul', sizes.others.filter(({ name }) => name.startsWith('groupedMatmul'))],
    [undefined, sizes.others.filter(({ name }) => !name.startsWith('groupedMatmul'))],
  ]
  for (const [family, kernels] of families)
    for (const kernel of kernels) {
      const expected = new PreparedKernel(cpu, kernel)
      const right = await expected.results()
      expected.dispose()
      for (const variant of family ? variantsOf[family] : [undefined]) {
        const name = variant ? `${kernel.name}, ${variant}` : kernel.name
        const row = await record.try('check', name, async () => {
          const prepared = new PreparedKernel(await devices.of(family, variant), kernel)
          try {
            const difference = largestDifference(await prepared.results(), right)
            const ran = family && prepared.variant(family)
            if (!(difference <= kernel.tolerance))
              throw new Error(
                `differs from the processor by ${difference.toExponential(1)} (${kernel.tolerance} allowed)`,
              )
            return { difference, ran: ran ?? null }
          } finally {
            prepared.dispose()
          }
        })
        if (row.ok && variant && row.ran === variant) passed.add(`${family} ${variant}`)
      }
    }
  cpu.dispose()
  return passed
}

/** Each variant that passed, in turns, and what the package chooses by rule. */
export async function timed(
  record: GpuRecord,
  devices: Devices,
  sizes: Sizes,
  passed: ReadonlySet<string>,
  peak: Ceilings | undefined,
): Promise<void> {
  const families: [Family | undefined, readonly GpuKernel[]][] = [
    ['matmul', sizes.timedProducts],
    ['attention', sizes.timedAttentions],
    [undefined, sizes.timedOthers],
  ]
  for (const [family, kernels] of families)
    for (const kernel of kernels)
      await record.try('kernels', kernel.name, async () => {
        const variants = family ? variantsOf[family].filter((v) => passed.has(`${family} ${v}`)) : []
        const prepared = new Map<string, PreparedKernel>()
        try {
          const chosen = new PreparedKernel(await devices.of(), kernel)
          prepared.set('chosen', chosen)
          await chosen.time(1)
          const rule = family ? chosen.variant(family) : 'the only one'
          for (const variant of variants.filter((v) => v !== rule)) {
            const other = new PreparedKernel(await devices.of(family, variant), kernel)
            prepared.set(variant, other)
            await other.time(1)
            // A variant that does not apply to the shape runs as another.
            if (other.variant(family!) !== variant) {
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
