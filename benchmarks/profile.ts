/**
 * Time of every kernel of a training step (the workload of benchmarks/train-step.ts), measured on the device and
 * compared with the device's peak throughput and bandwidth. See README.md.
 *
 *     node --conditions=source --import tsx benchmarks/profile.ts --backend webgpu --trace step.json
 */
import { writeFileSync } from 'node:fs'
import { chromeTrace, profile, profileTable } from '@kumiki/tensor'
import { backendsOf, parseArgs } from './common/options.ts'
import { trainingStep } from './train-step/kumiki.ts'
import { batchOf } from './train-step/workload.ts'

const { values } = parseArgs({
  options: {
    backend: { type: 'string', default: 'cpu' },
    threads: { type: 'string', default: '1' },
    /** A file for the trace, in Chrome's trace event format. */
    trace: { type: 'string' },
  },
})
const [backend] = backendsOf(values.backend)
const { device, step } = await trainingStep({ backend, threads: Number(values.threads) })
for (let i = 1; i <= 2; i++) await step(batchOf(i), i)
const result = await profile(device, () => step(batchOf(3), 3), { ceilings: true })
console.log(profileTable(result))
if (values.trace) {
  writeFileSync(values.trace, chromeTrace(result))
  console.log(`\nwritten: ${values.trace} (open it in ui.perfetto.dev)`)
}
device.dispose()
