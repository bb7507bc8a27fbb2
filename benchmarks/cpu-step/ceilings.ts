/**
 * Peak throughput and bandwidth of the CPU with 128-bit WebAssembly SIMD: multiply-adds of cached vectors, and a = b +
 * s c over arrays far larger than the caches.
 */
import { Worker } from 'node:worker_threads'
import {
  codeSection,
  encodeModule,
  exportSection,
  FunctionBody,
  functionExport,
  functionSection,
  functionType,
  importSection,
  memoryImport,
  typeSection,
} from '@kumiki/wasm'

export interface Ceilings {
  /** GFLOP/s of all threads. */
  readonly gflops: number
  /** GB/s read and written by all threads. */
  readonly gigabytes: number
}

/**
 * Number of independent sums, each of a register times a vector of the first cache, as in a matmul: enough to hide the
 * latency of an addition, and few enough for the registers.
 */
const sums = 12
const iterations = 1 << 20
const arrayBytes = 64 << 20
const passes = 4

/** Opcode of f32x4.relaxed_madd(a, b, c) = a b + c, which rounds once where the CPU has a fused multiply-add. */
const relaxedMadd = [0xfd, 0x85, 0x02]

function computing(fused: boolean): FunctionBody {
  const f = new FunctionBody(1)
  const counter = f.local('i32')
  const x = f.local('v128')
  const values = Array.from({ length: sums }, () => f.local('v128'))
  f.splatConstant(0x3f000000).set(x)
  f.loop(
    () => f.get(counter).get(0).op('i32.lt_u'),
    () => {
      for (const [i, value] of values.entries()) {
        f.get(x)
          .constant(16 * i)
          .memory('v128.load')
        if (fused) f.get(value).code.push(...relaxedMadd)
        else f.op('f32x4.mul').get(value).op('f32x4.add')
        f.set(value)
      }
      f.get(counter).constant(1).op('i32.add').set(counter)
    },
  )
  for (const [i, value] of values.entries())
    f.constant(16 * i)
      .get(value)
      .memory('v128.store')
  return f
}

/**
 * a[i] = b[i] + 0.5 c[i], where each of the three consecutive arrays has as many bytes as the function's argument says.
 */
function moving(): FunctionBody {
  const f = new FunctionBody(1)
  const at = f.local('i32')
  f.loop(
    () => f.get(at).get(0).op('i32.lt_u'),
    () => {
      f.get(at)
      f.get(at).get(0).op('i32.add').memory('v128.load')
      f.get(at).get(0).op('i32.add').get(0).op('i32.add').memory('v128.load')
      f.splatConstant(0x3f000000).op('f32x4.mul').op('f32x4.add').memory('v128.store')
      f.get(at).constant(16).op('i32.add').set(at)
    },
  )
  return f
}

const moduleOf = (body: FunctionBody) =>
  encodeModule(
    typeSection([functionType(['i32'])]),
    importSection([memoryImport('env', 'memory', { pages: 1 })]),
    functionSection([0]),
    exportSection([functionExport('run', 0)]),
    codeSection([body.bytes()]),
  )

const workerScript = `
const { parentPort, workerData } = require('node:worker_threads')
const memory = new WebAssembly.Memory({ initial: ${(3 * arrayBytes) / 65536} })
const runs = workerData.map((bytes) => new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } }).exports.run)
parentPort.on('message', ({ kernel, argument, times }) => {
  const start = performance.timeOrigin + performance.now()
  for (let i = 0; i < times; i++) runs[kernel](argument)
  parentPort.postMessage([start, performance.timeOrigin + performance.now()])
})
`

/** Worker threads that measure on request. */
export class CeilingThreads {
  private readonly workers: readonly Worker[]
  private readonly kernels: number

  constructor(threads: number) {
    const modules = [computing(false), computing(true)].map(moduleOf).filter((bytes) => WebAssembly.validate(bytes))
    this.kernels = modules.length
    this.workers = Array.from(
      { length: threads },
      () => new Worker(workerScript, { eval: true, workerData: [...modules, moduleOf(moving())] }),
    )
  }

  /** Runs a kernel on all threads. @returns seconds from the first start to the last end */
  private async seconds(request: { kernel: number; argument: number; times: number }): Promise<number> {
    const spans = await Promise.all(
      this.workers.map(
        (worker) =>
          new Promise<[number, number]>((resolve, reject) => {
            worker.once('message', resolve)
            worker.once('error', reject)
            worker.postMessage(request)
          }),
      ),
    )
    for (const worker of this.workers) worker.removeAllListeners('error')
    return (Math.max(...spans.map(([, end]) => end)) - Math.min(...spans.map(([start]) => start))) / 1000
  }

  async measure(): Promise<Ceilings> {
    const { length: threads } = this.workers
    let gflops = 0
    for (let kernel = 0; kernel < this.kernels; kernel++) {
      await this.seconds({ kernel, argument: iterations, times: 2 }) // warm-up: the engine compiles in tiers
      const seconds = await this.seconds({ kernel, argument: iterations, times: 4 })
      gflops = Math.max(gflops, (threads * 4 * iterations * sums * 8) / seconds / 1e9)
    }
    await this.seconds({ kernel: this.kernels, argument: arrayBytes, times: 1 })
    const seconds = await this.seconds({ kernel: this.kernels, argument: arrayBytes, times: passes })
    return { gflops, gigabytes: (threads * passes * 3 * arrayBytes) / seconds / 1e9 }
  }

  async stop(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.terminate()))
  }
}
