/**
 * Peak memory of a training step of three models: the planner's estimate compared with the compiled program's figure.
 * The step is compiled and not run. See README.md.
 *
 *     node --conditions=source --import tsx benchmarks/memory.ts --json
 */
import { renameSync, writeFileSync } from 'node:fs'
import { estimateLocalMemory, fromArchitecture } from '@kumiki/planner'
import { type MeasuredMemory, memoryChart } from '@kumiki/report'
import { init } from '@kumiki/tensor'
import { findPrecision } from '@kumiki/train'
import { backendsOf, parseArgs } from './common/options.ts'
import { provenance } from './common/provenance.ts'
import { table } from './kernels/report.ts'
import { compileStep } from './memory/compiled-step.ts'
import { livePeak } from './memory/live-peak.ts'
import { shapes } from './memory/shapes.ts'

const { values } = parseArgs({
  options: {
    /** cpu, webgpu, or both. */
    backends: { type: 'string', default: 'cpu' },
    precisions: { type: 'string', default: 'f32,bf16' },
    /** An SVG file for a chart of the parts of each estimate. */
    svg: { type: 'string' },
    /** JSON lines on stdout; everything else goes to stderr. */
    json: { type: 'boolean', default: false },
  },
})
/** Largest relative difference of the estimate from the compiled program's figure. */
const tolerance = 0.1

const precisions = values.precisions.split(',').map(findPrecision)
const from = provenance(['tensor', 'models', 'optim', 'train', 'planner'])
const rows: string[][] = []
const off: string[] = []
const measured: MeasuredMemory[] = []
for (const backend of backendsOf(values.backends)) {
  for (const shape of shapes) {
    for (const precision of precisions) {
      const { architecture, batch, sequence, accumulation } = shape
      const model = fromArchitecture(architecture)
      const positions = architecture.maxPositionEmbeddings
      const { fp8, ...formats } = precision
      if (fp8) throw new RangeError(`--precisions: the planner has no formulas for ${precision.name}; leave it out`)
      const estimated = estimateLocalMemory(model, {
        batch,
        sequence,
        accumulation,
        positions,
        device: backend,
        precision: formats as never,
      })
      const device = await init({ backend, threads: 1 })
      const { memory, explained } = await compileStep(device, shape, precision)
      const live = livePeak(explained)
      const ratio = estimated.total / memory.peakBytes
      const lost = memory.temporaryBytes - live.bytes
      const name = `${shape.name}, ${precision.name}, ${backend}`
      measured.push({ label: name, estimated, peakBytes: memory.peakBytes })
      if (Math.abs(ratio - 1) > tolerance) off.push(`${name}: ${percent(ratio - 1)}`)
      rows.push([
        shape.name,
        precision.name,
        backend,
        megabytes(estimated.total),
        megabytes(memory.peakBytes),
        percent(ratio - 1),
        estimated.moment,
        megabytes(memory.inputBytes),
        megabytes(live.bytes),
        percent(lost / live.bytes),
      ])
      const line = {
        kind: 'memory',
        ...{
          shape: shape.name,
          precision: precision.name,
          backend,
          adapter: device.name,
          parameters: estimated.parameters,
        },
        ...{ estimated, compiled: memory, ratio, livePeakBytes: live.bytes, livePeakKernel: live.kernel, ...from },
      }
      if (values.json) console.log(JSON.stringify(line))
      device.dispose()
    }
  }
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1)
}

function percent(part: number): string {
  return `${part >= 0 ? '+' : ''}${(part * 100).toFixed(1)} %`
}

const head = [
  'model',
  'precision',
  'backend',
  'formulas MB',
  'compiled MB',
  'formulas are',
  'peak at',
  'of it state MB',
]
const print = values.json ? console.error : console.log
print(table([[...head, 'needed at once MB', 'buffers and scratch above it'], ...rows]))
print(`\nneeded at once: largest sum of the exact sizes of the temporary values alive during one kernel`)
if (values.svg) {
  writeFileSync(`${values.svg}.part`, memoryChart(measured))
  renameSync(`${values.svg}.part`, values.svg)
}
if (off.length > 0) {
  console.error(`\nmore than ${percent(tolerance)} off: ${off.join('; ')}`)
  process.exitCode = 1
}
