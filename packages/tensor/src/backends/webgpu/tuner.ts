// Times the alternative kernels of a program's cases on this adapter.

import type { KernelTiming, TunedCase } from '../backend.ts'
import type { TunableStep } from './choices.ts'
import { KernelRecorder } from './kernel-recorder.ts'
import type { WebGpuPlan } from './rule.ts'

const rounds = 5
const usage = { copySource: 4, copyTarget: 8, storage: 128 }

/**
 * Times every kernel of every case on separate buffers. Rounds alternate between the kernels, so that changes in load
 * affect all of them alike. A kernel that the device refuses is left out.
 */
export async function tuneSteps(
  device: GPUDevice,
  steps: readonly TunableStep[],
  pipeline: (name: string, wgsl: string) => Promise<GPUComputePipeline>,
): Promise<TunedCase[]> {
  const cases: TunedCase[] = []
  const seen = new Set<string>()
  for (const step of steps) {
    if (seen.has(step.tunable.key)) continue
    seen.add(step.tunable.key)
    cases.push(await tuneStep(device, step, pipeline))
  }
  return cases
}

async function tuneStep(
  device: GPUDevice,
  { tunable, inputBytes, outputBytes }: TunableStep,
  pipeline: (name: string, wgsl: string) => Promise<GPUComputePipeline>,
): Promise<TunedCase> {
  const made: GPUBuffer[] = []
  const buffer = (bytes: number) => {
    const size = Math.max(16, Math.ceil(bytes / 16) * 16)
    const b = device.createBuffer({ size, usage: usage.storage | usage.copySource | usage.copyTarget })
    made.push(b)
    return b
  }
  const inputs = inputBytes.map(buffer)
  const outputs = outputBytes.map(buffer)
  const best = new Map<string, number>()
  try {
    const candidates = []
    for (const [name, plan] of tunable.alternatives()) {
      const ready = await prepare(device, plan, { inputs, outputs }, buffer, pipeline)
      if (ready) candidates.push({ name, ready })
    }
    for (let round = 0; round < rounds; round++) {
      for (const { name, ready } of candidates) {
        const timings: KernelTiming[] = []
        const recorder = new KernelRecorder(device, timings)
        await recorder.run(ready, (pass, { made: compiled, group, workgroups }) => {
          pass.setPipeline(compiled)
          pass.setBindGroup(0, group)
          pass.dispatchWorkgroups(...workgroups)
        })
        recorder.destroy()
        // The first round warms up caches and compilers.
        if (round === 0) continue
        const total = timings.reduce((sum, t) => sum + t.duration, 0)
        best.set(name, Math.min(total, best.get(name) ?? Number.POSITIVE_INFINITY))
      }
    }
  } finally {
    for (const b of made) b.destroy()
  }
  const [chosen] = [...best].sort((a, b) => a[1] - b[1])[0] ?? [tunable.chosen]
  return { key: tunable.key, chosen, microseconds: Object.fromEntries(best) }
}

async function prepare(
  device: GPUDevice,
  plan: WebGpuPlan,
  { inputs, outputs }: { readonly inputs: readonly GPUBuffer[]; readonly outputs: readonly GPUBuffer[] },
  buffer: (bytes: number) => GPUBuffer,
  pipeline: (name: string, wgsl: string) => Promise<GPUComputePipeline>,
) {
  const scratch = (plan.scratch ?? []).map(buffer)
  try {
    return await Promise.all(
      plan.dispatches.map(async ({ name, wgsl, bindings, workgroups }) => {
        const compiled = await pipeline(name, wgsl)
        const group = device.createBindGroup({
          layout: compiled.getBindGroupLayout(0),
          entries: bindings.map((b, binding) => ({
            binding,
            resource: {
              buffer: 'input' in b ? inputs[b.input] : 'output' in b ? outputs[b.output] : scratch[b.scratch],
            },
          })),
        })
        return { name, flops: 0, bytes: 0, made: compiled, group, workgroups }
      }),
    )
  } catch {
    return undefined
  }
}
