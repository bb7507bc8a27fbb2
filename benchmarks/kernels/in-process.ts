/**
 * Kumiki alone, in this process: every matmul variant that applies to a shape, and the other kernels. It needs neither
 * jax-js nor git nor files, so that it can be bundled for a machine that has only a GPU and Node.
 */
import { type Device, init } from '@kumiki/tensor'
import { matmulVariants } from '../../packages/tensor/src/ops/matmul/matmul.wgsl.ts'
import { openGpu } from '../common/gpu.ts'
import { loadAverage } from '../common/load-average.ts'
import type { BackendName } from '../common/options.ts'
import { processorName } from '../common/processor.ts'
import { attentionCases, type KernelCase, largestDifference, matmulCases, rowCases, tolerance } from './cases.ts'
import type { Contestant, PreparedKernel } from './contestant.ts'
import { kumiki } from './kumiki.ts'
import { cells, table, timingOf } from './report.ts'
import { takeTurns } from './turns.ts'

export const inProcessCases: readonly KernelCase[] = [
  ...matmulCases([256, 512, 1024, 2048, 4096]),
  ...attentionCases([256, 512, 1024, 2048]),
  ...rowCases,
]

/** Name of the row with the variant that the package chooses itself. */
const chosen = 'chosen'

export interface InProcessOptions {
  readonly backend: BackendName
  readonly threads: number
  readonly cases: readonly KernelCase[]
  readonly rounds: number
  /** Called for every measurement. */
  readonly json: (line: string) => void
  readonly log: (line: string) => void
}

/** @returns a table. @throws Error if a result differs from the cpu backend's by more than the tolerance */
export async function measureInProcess(options: InProcessOptions): Promise<string> {
  const { backend, cases, rounds, log } = options
  const { adapter, gpu, limits } = await environment(backend)
  const about = {
    benchmark: 'kernels-in-process',
    date: new Date().toISOString(),
    node: process.version,
    loadAverage: loadAverage(),
    adapter,
    backend,
    ...(backend === 'cpu' ? { threads: options.threads } : {}),
  }
  log(`${adapter}, Node ${process.version}, load average ${about.loadAverage}`)
  for (const [name, value] of Object.entries(limits)) log(`  ${name}: ${value}`)

  const devices: Device[] = []
  const contestantOf = async (variant: string, on: BackendName): Promise<Contestant> => {
    const kernels = variant === chosen ? undefined : { matmul: variant }
    devices.push(await init({ backend: on, threads: options.threads, gpu, kernels }))
    return kumiki(devices.at(-1)!)
  }
  const contestants = new Map<string, Contestant>()
  for (const variant of [chosen, ...(backend === 'webgpu' ? matmulVariants : [])])
    contestants.set(variant, await contestantOf(variant, backend))
  const cpu = backend === 'webgpu' ? await contestantOf(chosen, 'cpu') : undefined

  const rows = [['', 'variant', 'ms', 'best', 'GFLOP/s']]
  for (const c of cases) {
    const expected = cpu && (await resultsOf(cpu, c))
    const prepared = new Map<string, PreparedKernel>()
    for (const [variant, contestant] of contestants) {
      if (variant !== chosen && c.kernel !== 'matmul') continue
      const kernel = await contestant.prepare(c)
      const results = await kernel.results()
      if (variant !== chosen && runsAs(kernel) !== variant) {
        kernel.dispose()
        continue
      }
      const difference = expected ? largestDifference(results, expected) : 0
      if (!(difference <= tolerance))
        throw new Error(`${c.name}, ${variant}: differs from the cpu backend by ${difference.toExponential(1)}`)
      prepared.set(variant, kernel)
    }
    const seconds = await takeTurns(
      [...prepared.values()].map((kernel) => (calls) => kernel.time(calls, true)),
      rounds,
    )
    for (const [i, [variant, kernel]] of [...prepared].entries()) {
      const timing = timingOf(c, seconds[i])
      const name = variant === chosen && c.kernel === 'matmul' ? `${chosen}: ${runsAs(kernel)}` : variant
      rows.push([c.name, name, ...cells(timing)])
      log(rows.at(-1)!.join('  '))
      options.json(JSON.stringify({ ...about, case: c.name, variant: name, ...timing }))
      kernel.dispose()
    }
  }
  for (const device of devices) device.dispose()
  return table(rows)
}

interface Environment {
  readonly adapter: string
  readonly gpu?: GPU
  readonly limits: Readonly<Record<string, number | string>>
}

async function environment(backend: BackendName): Promise<Environment> {
  if (backend === 'cpu') return { adapter: processorName(), limits: {} }
  const { gpu, adapter, name } = await openGpu()
  const { limits, features, info } = adapter
  return {
    adapter: name,
    gpu,
    limits: {
      maxBufferSize: limits.maxBufferSize,
      maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
      maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
      maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
      maxComputeWorkgroupsPerDimension: limits.maxComputeWorkgroupsPerDimension,
      subgroupSizes: `${info.subgroupMinSize} to ${info.subgroupMaxSize}`,
      features: [...features].join(' '),
    },
  }
}

async function resultsOf(contestant: Contestant, c: KernelCase): Promise<Float32Array[]> {
  const kernel = await contestant.prepare(c)
  try {
    return await kernel.results()
  } finally {
    kernel.dispose()
  }
}

/** The matmul variant that a compiled matmul runs. */
function runsAs(kernel: PreparedKernel): string {
  return kernel.explain!().match(/\d+ x matmul (.+)$/m)?.[1] ?? 'of this backend'
}
