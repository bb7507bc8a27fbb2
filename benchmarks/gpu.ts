/**
 * Everything that is measured on a GPU, in one command: the adapter's features and limits, its peak throughput and
 * bandwidth, every kernel variant (first checked against the cpu backend, then timed at the models' shapes), training
 * steps, generation and the host's cost per dispatch. Writes one JSON line for each, and a page. See README.md.
 * The measurements run in a process of their own, which is replaced if it ends or hangs.
 *
 *     npm run bench:gpu
 *     node scripts/with-swiftshader.mjs npm run bench:gpu -- --small --out /tmp/gpu
 */

import { execFileSync, fork } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { failUse, parseArgs } from './common/options.ts'
import type { OpenedAdapter } from './gpu/adapter.ts'
import { gpuPage } from './gpu/page.ts'
import { pytorch } from './gpu/pytorch.ts'
import { Budget, GpuRecord } from './gpu/record.ts'
import { gpuSizes, smallSizes } from './gpu/sizes.ts'
import { supervise } from './gpu/supervise.ts'
import { measureAll } from './gpu/worker.ts'

const { values } = parseArgs(
  {
    options: {
      small: { type: 'boolean', default: false },
      minutes: { type: 'string', default: '8' },
      out: { type: 'string', default: 'benchmarks/results/gpu' },
      python: { type: 'string', default: 'python3' },
      commit: { type: 'string' },
      /** Used by this script itself: this is the process that measures. */
      worker: { type: 'boolean', default: false },
    },
  },
  {
    small: 'every measurement once, at the smallest sizes: for a software adapter',
    minutes: 'no measurement starts later than this, and one that still runs then is stopped',
    out: 'folder of gpu.jsonl and gpu.html',
    python: 'a Python with PyTorch; where it has none, the record says so',
    commit: 'the commit of this code, for a machine without git',
  },
)
const minutes = Number(values.minutes)
if (!(minutes > 0)) failUse(`--minutes: expected a positive number, got ${values.minutes}`)
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

if (values.worker) {
  await measureAll(sizes)
} else {
  try {
    mkdirSync(values.out, { recursive: true })
  } catch (error) {
    failUse(`--out ${values.out}: the folder cannot be made (${(error as Error).message}); give another`)
  }
  const file = join(values.out, 'gpu.jsonl')
  const record = new GpuRecord(file, (line) => console.error(line))
  const budget = new Budget(minutes)
  let opened: OpenedAdapter | undefined
  await supervise({
    record,
    budget,
    start: () =>
      fork(process.argv[1], [...process.argv.slice(2), '--worker'], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }),
    onOpened(found) {
      if (opened) return
      opened = found
      record.about = { date: new Date().toISOString(), node: process.version, commit: commit(), adapter: found.adapter }
    },
  }).catch((error: Error) => {
    process.stderr.write(`gpu.ts: ${error.message}\n`)
    process.exit(1)
  })
  await pytorch(record, budget, sizes, values.python)
  const page = join(values.out, 'gpu.html')
  writeFileSync(page, gpuPage(opened!, record))
  console.log(`${record.summary}: ${file}, ${page}`)
  for (const { section, name, error, ok, leftOut } of record.rows)
    if (!ok && !leftOut) console.log(`  ${section}: ${name}: ${error}`)
}
