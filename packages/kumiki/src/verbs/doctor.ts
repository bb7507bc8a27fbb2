/** `kumiki doctor` */
import { availableParallelism, cpus, freemem, totalmem } from 'node:os'
import type { Device } from '@kumiki/tensor'
import type { Command } from 'commander'
import { describeSelfTest, type SelfTest, selfTest } from '../doctor/self-test.ts'
import { gigabytes, textFields } from '../output/text-table.ts'
import { addVerb, answer } from '../verb.ts'

export function addDoctor(program: Command): void {
  addVerb(
    program,
    'doctor',
    'Report and test the hardware and software of this machine for training.',
    (c) => c,
    doctor,
  )
}

/** The oldest supported Node release, [major, minor]. */
const leastNode = [20, 19]

/** The limits that bound model sizes: bytes, except for invocations. */
const shownLimits = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
] as const

interface BackendReport {
  readonly available: boolean
  /** The adapter, or the instruction set and threads. */
  readonly description?: string
  /** A software adapter: WebGPU works, but the cpu backend is faster. */
  readonly software?: boolean
  /** WebGPU features that kernels may use. */
  readonly features?: readonly string[]
  readonly limits?: Readonly<Record<(typeof shownLimits)[number], number>>
  /** What the cpu backend can address. */
  readonly addressableBytes?: number
  readonly selfTest?: SelfTest
  readonly error?: string
}

async function doctor(options: { json?: boolean }): Promise<void> {
  const { init } = await import('@kumiki/tensor')
  const [major, minor] = process.versions.node.split('.').map(Number)
  const nodeFits = major > leastNode[0] || (major === leastNode[0] && minor >= leastNode[1])
  const reference = await init({ backend: 'reference' })
  const webgpu = await tryBackend(() => init({ backend: 'webgpu' }), reference)
  const cpu = await tryBackend(() => init({ backend: 'cpu' }), reference)
  reference.dispose()
  const auto = webgpu.selfTest?.correct && !webgpu.software ? 'webgpu' : 'cpu'
  const healthy = nodeFits && cpu.selfTest?.correct === true && (!webgpu.available || webgpu.selfTest?.correct === true)
  const result = {
    healthy,
    node: { version: process.versions.node, supported: nodeFits },
    platform: `${process.platform} ${process.arch}`,
    processors: { available: availableParallelism(), model: cpus()[0]?.model ?? 'unknown' },
    memory: { totalBytes: totalmem(), freeBytes: freemem() },
    webgpu,
    cpu,
    auto,
    advice: adviceFor({ nodeFits, major, webgpu, cpu, freeBytes: freemem() }),
  }
  answer(options, result, () =>
    textFields([
      ['Node', `${result.node.version}${nodeFits ? '' : ` (needs ${leastNode.join('.')} or newer)`}`],
      ['platform', result.platform],
      ['processors', `${result.processors.available} (${result.processors.model})`],
      ['memory', `${gigabytes(result.memory.totalBytes)}, ${gigabytes(result.memory.freeBytes)} free`],
      ['webgpu', describe(webgpu)],
      ...(webgpu.limits ? describeDevice(webgpu) : []),
      ['cpu', describe(cpu)],
      ['--device auto', `selects ${auto}`],
      ...result.advice.map((line, i): [string, string] => [i === 0 ? 'advice' : '', line]),
    ]),
  )
  if (!healthy)
    throw new Error(
      nodeFits
        ? 'a backend computes wrong results or does not start (see above)'
        : `Node ${process.versions.node} is too old; ${leastNode.join('.')} or newer is needed`,
    )
}

/** Advice for better training on this machine, most important first; may be empty. */
function adviceFor(found: {
  readonly nodeFits: boolean
  readonly major: number
  readonly webgpu: BackendReport
  readonly cpu: BackendReport
  readonly freeBytes: number
}): string[] {
  const { nodeFits, major, webgpu, cpu, freeBytes } = found
  const advice: string[] = []
  if (!nodeFits) advice.push(`install Node ${leastNode.join('.')} or newer`)
  else if (major < 22)
    advice.push('Node 24 has relaxed SIMD, which makes the cpu backend faster, and addresses 16 GiB on it instead of 4')
  else if (major < 24) advice.push('Node 24 addresses 16 GiB on the cpu backend instead of 4')
  if (!webgpu.available)
    advice.push(
      /package|npm|import/i.test(webgpu.error ?? '')
        ? 'for a GPU: npm install webgpu'
        : 'for a GPU: install its driver with Vulkan, Metal or Direct3D 12; without one, everything runs on the cpu backend',
    )
  else if (webgpu.software) advice.push('the WebGPU adapter is a software one: --device cpu is faster')
  else if (webgpu.selfTest?.correct === false)
    advice.push('the GPU computes wrong results: update its driver, and use --device cpu until then')
  if (webgpu.limits && webgpu.limits.maxStorageBufferBindingSize < 2 ** 29)
    advice.push('WebGPU bindings are smaller than 512 MiB: larger tensors are split, or cause an error')
  if (cpu.selfTest?.correct !== true)
    advice.push('the cpu backend does not work here: please report this with the output of --json')
  if (freeBytes < 2e9) advice.push('less than 2 GB of memory are free: close programs, or use a smaller --batch-size')
  return advice
}

/** One line with the features and one with the limits of a WebGPU device. */
function describeDevice({ features = [], limits }: BackendReport): [string, string][] {
  const megabytes = (bytes: number) => `${Math.round(bytes / 2 ** 20).toLocaleString('en')} MiB`
  return [
    ['  features', features.join(', ') || 'none beyond the core'],
    [
      '  limits',
      limits
        ? `buffers ${megabytes(limits.maxBufferSize)}, bindings ${megabytes(limits.maxStorageBufferBindingSize)}, ${limits.maxComputeInvocationsPerWorkgroup} invocations and ${limits.maxComputeWorkgroupStorageSize / 1024} KiB per workgroup`
        : '',
    ],
  ]
}

function describe(report: BackendReport): string {
  const { available, description, software, addressableBytes, selfTest: tried, error } = report
  if (!available) return `no: ${error}`
  const memory = addressableBytes ? `, addresses ${Math.round(addressableBytes / 2 ** 30)} GiB` : ''
  return `${description}${memory}${software ? ' (software: slower than cpu)' : ''}; ${tried ? describeSelfTest(tried) : `the self-test failed: ${error}`}`
}

async function tryBackend(start: () => Promise<Device>, reference: Device): Promise<BackendReport> {
  let device: Device
  try {
    device = await start()
  } catch (error) {
    return { available: false, error: (error as Error).message }
  }
  const { description } = device.backend
  const software = device.kind === 'webgpu' && /swiftshader|llvmpipe|lavapipe|basic render|software/i.test(description)
  const { addressableBytes } = device
  const facts = device.kind === 'webgpu' ? { software, ...gpuFacts(device) } : { addressableBytes }
  const known = { available: true, description, ...facts }
  try {
    return { ...known, selfTest: await selfTest(device, reference) }
  } catch (error) {
    return { ...known, error: (error as Error).message }
  } finally {
    device.dispose()
  }
}

/** Features and limits of the device behind a WebGPU backend. */
function gpuFacts(device: Device): Pick<BackendReport, 'features' | 'limits'> {
  const gpu = (device.backend as { readonly device?: GPUDevice }).device
  if (!gpu) return {}
  const limits = Object.fromEntries(shownLimits.map((name) => [name, gpu.limits[name]])) as BackendReport['limits']
  return { features: [...gpu.features].sort(), limits }
}
