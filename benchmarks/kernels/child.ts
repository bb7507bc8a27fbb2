/** The process of one implementation: prepares a kernel, then runs it on request. Started by `measure.ts`. */
import { init } from '@kumiki/tensor'
import { openGpu } from '../common/gpu.ts'
import { processorName } from '../common/processor.ts'
import type { ContestantSpec, PreparedKernel, ReadyReport, Request } from './contestant.ts'
import { startJax } from './jax.ts'
import { kumiki } from './kumiki.ts'
import { startTfjs } from './tfjs.ts'

const spec = JSON.parse(process.argv[2]) as ContestantSpec
const opened = spec.backend === 'webgpu' ? await openGpu() : undefined
const contestant =
  spec.implementation === 'jax-js'
    ? await startJax(spec, opened?.gpu)
    : spec.implementation === 'tfjs'
      ? await startTfjs(spec)
      : await kumiki(await init({ backend: spec.backend, threads: spec.threads, gpu: opened?.gpu }))
let kernel: PreparedKernel | undefined
process.on('message', async (request: Request) => process.send!(await answer(request)))
process.send!({ adapter: opened?.name ?? processorName() } satisfies ReadyReport)

async function answer(request: Request): Promise<unknown> {
  if (request.kind === 'prepare') {
    kernel = await contestant.prepare(request.case)
    return kernel.results()
  }
  if (request.kind === 'time') return kernel!.time(request.calls)
  kernel!.dispose()
  return null
}
