/**
 * Everything that is measured on a GPU, in one command: the adapter's features and limits, its peak throughput and
 * bandwidth, every kernel variant (first checked against the cpu backend, then timed at the models' shapes), training
 * steps, generation and the host's cost per dispatch. Writes one JSON line for each, and a page. See README.md.
 *
 *     npm run bench:gpu
 *     node scripts/with-swiftshader.mjs npm run bench:gpu -- --small --out /tmp/gpu
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { openAdapter } from './gpu/adapter.ts'
import { ceilings, check, Devices, timed } from './gpu/measure.ts'
import { generation, hostCost, training } from './gpu/models.ts'
import { gpuPage } from './gpu/page.ts'
import { pytorch } from './gpu/pytorch.ts'
import { GpuRecord } from './gpu/record.ts'
import { gpuSizes, smallSizes } from './gpu/sizes.ts'

const { values } = parseArgs({
  options: {
    /** Every measurement once, at the smallest sizes: for a software adapter. */
    small: { type: 'boolean', default: false },
    /** No measurement starts later than this. */
    minutes: { type: 'string', default: '8' },
    /** Folder of gpu.jsonl and gpu.html. */
    out: { type: 'string', default: 'benchmarks/results/gpu' },
    /** A Python with PyTorch, or none. */
    python: { type: 'string', default: 'python3' },
    /** The commit of this code, for a machine without git. */
    commit: { type: 'string' },
  },
})
const minutes = Number(values.minutes)
if (!(minutes > 0)) throw new RangeError(`--minutes: expected a positive number, got ${values.minutes}`)
const sizes = values.small ? smallSizes : gpuSizes

const commit = (): string => {
  try {
    return (
      values.commit ??
      execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
    )
  } catch {
    return 'unknown'
  }
}

mkdirSync(values.out, { recursive: true })
const opened = await openAdapter()
const { adapter, gpu, limits, features, subgroupSizes, subgroupMatrixConfigs } = opened
const about = { date: new Date().toISOString(), node: process.version, commit: commit(), adapter }
const record = new GpuRecord(join(values.out, 'gpu.jsonl'), about, minutes, (line) => console.error(line))
await record.try('adapter', adapter, async () => ({
  subgroupSizes: subgroupSizes.map(String),
  features: [...features],
  subgroupMatrixConfigs: [...subgroupMatrixConfigs],
  limits: Object.entries(limits).map(([name, value]) => `${name}=${value}`),
}))
const devices = new Devices(gpu)
const peak = values.small ? undefined : await ceilings(record, devices)
const passed = await check(record, devices, sizes)
// Training first: if the time runs out, what is missing are the measurements that matter less.
await training(record, devices, sizes, peak)
await timed(record, devices, sizes, passed, peak)
await generation(record, devices, sizes)
await hostCost(record, devices, values.small ? 20 : 400)
if (!values.small) await pytorch(record, sizes, values.python)
await devices.dispose()

const page = join(values.out, 'gpu.html')
writeFileSync(page, gpuPage(opened, record.rows))
const failed = record.rows.filter(({ ok }) => !ok)
console.log(
  `${record.rows.length - failed.length} of ${record.rows.length} rows passed: ${join(values.out, 'gpu.jsonl')}, ${page}`,
)
for (const { section, name, error } of failed) console.log(`  ${section}: ${name}: ${error}`)
process.exit(0)
