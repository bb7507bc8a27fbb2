/** The process of one implementation: initializes it, then runs steps on request. Started by `process.ts`. */
import { openGpu } from '../common/gpu.ts'
import { processorName } from '../common/processor.ts'
import type { Contestant, ContestantSpec, Environment, ReadyReport, Reply, Request, StepsReport } from './contestant.ts'
import { startJax } from './jax.ts'
import { startKumiki } from './kumiki.ts'
import { countGpuBuffers, countWasmMemory, type MemoryCounter } from './memory.ts'
import { batchOf } from './workload.ts'

const spec = JSON.parse(process.argv[2]) as ContestantSpec
const reply = (message: Reply) => process.send!(message)

const { environment, memory, adapter } = spec.backend === 'webgpu' ? await prepareGpu() : prepareCpu()
const contestant = await { kumiki: startKumiki, 'jax-js': startJax }[spec.implementation](spec, environment)
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
  readonly environment: Environment
  readonly memory: MemoryCounter
}

function prepareCpu(): Prepared {
  return { environment: {}, memory: countWasmMemory(), adapter: processorName() }
}

async function prepareGpu(): Promise<Prepared> {
  const { gpu, name } = await openGpu()
  return { environment: { gpu }, memory: countGpuBuffers(gpu), adapter: name }
}
