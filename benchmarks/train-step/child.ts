/** The process of one implementation: makes it ready, then runs steps when told to. Started by `process.ts`. */
import { cpus } from 'node:os'
import type {
  Contestant,
  ContestantSpec,
  ReadyReport,
  Reply,
  Request,
  StepsReport,
  Surroundings,
} from './contestant.ts'
import { startJax } from './jax.ts'
import { startKumiki } from './kumiki.ts'
import { countGpuBuffers, countWasmMemory, type MemoryCounter } from './memory.ts'
import { batchOf } from './workload.ts'

const spec = JSON.parse(process.argv[2]) as ContestantSpec
const reply = (message: Reply) => process.send!(message)

const { surroundings, memory, adapter } = spec.backend === 'webgpu' ? await prepareGpu() : prepareCpu()
const contestant = await { kumiki: startKumiki, 'jax-js': startJax }[spec.implementation](spec, surroundings)
let stepsDone = 0
process.on('message', async (request: Request) => {
  if (request.kind === 'steps') reply({ kind: 'steps', ...(await runSteps(contestant, request.count)) })
  else reply({ kind: 'memory', peakBytes: memory.peakBytes(), processPeakBytes: process.resourceUsage().maxRSS * 1024 })
})
reply({ kind: 'ready', adapter })

async function runSteps(contestant: Contestant, count: number): Promise<StepsReport> {
  const losses: number[] = []
  const seconds: number[] = []
  for (let i = 0; i < count; i++) {
    const batch = batchOf(++stepsDone)
    const start = performance.now()
    losses.push(await contestant.step(batch, stepsDone))
    if (i === count - 1) await contestant.settle?.()
    seconds.push((performance.now() - start) / 1000)
  }
  return { losses, seconds }
}

interface Prepared extends ReadyReport {
  readonly surroundings: Surroundings
  readonly memory: MemoryCounter
}

function prepareCpu(): Prepared {
  const processors = cpus()
  return {
    surroundings: {},
    memory: countWasmMemory(),
    adapter: `${processors[0].model.trim()}, ${processors.length} logical processors`,
  }
}

async function prepareGpu(): Promise<Prepared> {
  const { create, globals } = await import('webgpu')
  Object.assign(globalThis, globals)
  const gpu = create([])
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
  if (!adapter) throw new Error('there is no WebGPU adapter')
  const { vendor, architecture, description } = adapter.info
  return {
    surroundings: { gpu },
    memory: countGpuBuffers(gpu),
    adapter: [vendor, architecture, description].filter(Boolean).join(' '),
  }
}
