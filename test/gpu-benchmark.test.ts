/** `npm run bench:gpu` in small: GPUs are rarely available, so the command must work at once when one is. */
import { execFile, fork } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, expect, test } from 'vitest'
import { openAdapter } from '../benchmarks/gpu/adapter.ts'
import { type GpuKernel, product, rows } from '../benchmarks/gpu/kernels.ts'
import { check, Devices, timed } from '../benchmarks/gpu/measure.ts'
import { copying, matrixProducts, multiplyAdds } from '../benchmarks/gpu/peaks.ts'
import { pytorch } from '../benchmarks/gpu/pytorch.ts'
import { Budget, Cases, GpuRecord, type Report, type Row } from '../benchmarks/gpu/record.ts'
import { type Sizes, smallSizes } from '../benchmarks/gpu/sizes.ts'
import { type Supervision, supervise } from '../benchmarks/gpu/supervise.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const folder = mkdtempSync(join(tmpdir(), 'kumiki-gpu-'))
afterAll(() => rmSync(folder, { recursive: true }))

const linesOf = (file: string): Row[] =>
  readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

test('npm run bench:gpu checks, times, trains and generates, and leaves a record and a page', async () => {
  const args = ['--conditions=source', '--import', 'tsx', 'benchmarks/gpu.ts', '--small', '--out', folder]
  const none = ['--python', join(folder, 'no-python')]
  const { stdout } = await promisify(execFile)(process.execPath, [...args, ...none], { cwd: root })
  const found = linesOf(join(folder, 'gpu.jsonl'))
  expect(found.filter(({ ok }) => !ok)).toEqual([])
  expect(stdout).toContain(`${found.length} of ${found.length} rows passed`)
  expect(new Set(found.map(({ section }) => section))).toEqual(
    new Set(['adapter', 'ceilings', 'check', 'training', 'kernels', 'generation', 'host', 'pytorch']),
  )
  for (const row of found) {
    if (row.section === 'kernels') {
      const names = (row.variants as { variant: string }[]).map(({ variant }) => variant)
      expect(names).toEqual(expect.arrayContaining([row.rule, row.fastest]))
      expect(row.shareOfPeak).toBeGreaterThan(0)
      if (/^(matmul|attention) /.test(row.name)) expect(row.tuner).toMatch(/ \(\d.* ms\)/)
    }
    if (row.section === 'training') expect(row.memoryConfirmed).toBe(true)
    if (row.section === 'pytorch') expect(row.note).toMatch(/no PyTorch here/)
  }
  expect(readFileSync(join(folder, 'gpu.html'), 'utf8')).toContain(`${found.length} of ${found.length} rows passed.`)
})

/** Rows of `measure`, which is run in this process on the test's adapter. */
async function rowsOf(measure: (cases: Cases, devices: Devices, gpu: GPU) => Promise<unknown>): Promise<Row[]> {
  const { gpu } = await openAdapter()
  const devices = new Devices(gpu)
  const made: Row[] = []
  const cases = new Cases([], new Budget(60), (report: Report) => {
    if (report.kind === 'row') made.push(report.row)
  })
  cases.afterFailure = () => devices.renew()
  await measure(cases, devices, gpu)
  await devices.renew()
  return made
}

const summary = ({ name, ok, error }: Row) => [name, ok, error?.replace(/by .*/, 'by')]

test('a kernel that is wrong or throws is one failed row, and its variant is not timed', async () => {
  const good = product([16, 8, 16], 'NN', 'float32')
  const wrong = { ...good, name: 'wrong', tolerance: -1 }
  const throwing: GpuKernel = {
    ...good,
    name: 'throwing',
    run() {
      throw new Error('this kernel throws')
    },
  }
  const sizes: Sizes = {
    ...smallSizes,
    variants: { matmul: ['direct 4x4'] },
    products: [good, wrong, throwing, { ...good, name: 'after' }],
    attentions: [],
    others: [],
    timedProducts: [throwing, good],
    timedAttentions: [],
    timedOthers: [rows([3, 8], 'sum')],
  }
  const made = await rowsOf(async (cases, devices) => {
    const checked = await check(cases, devices, sizes)
    expect(checked.passed('matmul', 'direct 4x4')).toBe(false)
    await timed(cases, devices, sizes, checked, { gflops: {} })
  })
  expect(made.map(summary)).toEqual([
    [`${good.name}, direct 4x4`, true, undefined],
    ['wrong, direct 4x4', false, 'differs from the cpu backend by'],
    ['throwing, direct 4x4', false, 'this kernel throws'],
    ['after, direct 4x4', true, undefined],
    ['throwing', false, 'this kernel throws'],
    [good.name, true, undefined],
    ['sum 3 x 8', true, undefined],
  ])
  expect((made[5].variants as { variant: string }[]).map(({ variant }) => variant)).not.toContain('direct 4x4')
})

test('after the loss of the device the next case has another one', async () => {
  const given: GPUDevice[] = []
  const lost: GpuKernel = {
    ...rows([3, 8], 'sum'),
    name: 'lost',
    run(x) {
      for (const device of given) device.destroy()
      return rows([3, 8], 'sum').run(x)
    },
  }
  const { gpu } = await openAdapter()
  const watched = {
    async requestAdapter(options?: GPURequestAdapterOptions) {
      const adapter = (await gpu.requestAdapter(options))!
      const request = adapter.requestDevice.bind(adapter)
      adapter.requestDevice = async (descriptor) => {
        const device = await request(descriptor)
        given.push(device)
        return device
      }
      return adapter
    },
  } as GPU
  const devices = new Devices(watched)
  const sizes: Sizes = { ...smallSizes, products: [], attentions: [], others: [lost, rows([3, 8], 'sum')] }
  const made = await rowsOf(async (cases) => {
    cases.afterFailure = () => devices.renew()
    // The cpu backend's results of the first kernel are made before there is a device to lose.
    await check(cases, devices, sizes)
  })
  await devices.renew()
  expect(made.map(({ name, ok }) => [name, ok])).toEqual([
    ['lost', false],
    ['sum 3 x 8', true],
  ])
  expect(made[0].error).toMatch(/device was lost/)
})

/** A measuring process whose cases `b` and `c` end it, by a crash and by never ending. */
const worker = `
import { Budget, Cases } from ${JSON.stringify(join(root, 'benchmarks/gpu/record.ts'))}
process.once('message', async ({ done, budget }) => {
  const cases = new Cases(done, new Budget(budget.minutes, budget.began), (report) => process.send(report))
  process.send({ kind: 'opened', opened: { adapter: 'none' } })
  await cases.try('check', 'a', async () => ({ figure: 1 }))
  await cases.try('check', 'b', async () => process.kill(process.pid, 'SIGSEGV') && new Promise(() => {}))
  await cases.try('check', 'c', async () => { for (;;); })
  await cases.try('check', 'd', async () => ({ figure: done.length }))
  process.send({ kind: 'done' })
})
`

async function supervised(
  text: string,
  caseLimit?: number,
  budgetOf: (record: GpuRecord) => Supervision['budget'] = () => new Budget(60),
): Promise<Row[]> {
  const script = join(folder, 'worker.ts')
  writeFileSync(script, text)
  const record = new GpuRecord(join(folder, 'supervised.jsonl'), () => {})
  const execArgv = ['--conditions=source', '--import', import.meta.resolve('tsx')]
  await supervise({
    record,
    budget: budgetOf(record),
    caseLimit,
    start: () => fork(script, { execArgv }),
    onOpened: () => {},
  })
  expect(linesOf(join(folder, 'supervised.jsonl'))).toMatchObject(record.rows)
  return record.rows.map(({ caseSeconds: _, ...row }) => row)
}

test('a case that ends the process or hangs costs a row, and the cases after it are measured', async () => {
  expect(await supervised(worker, 4000)).toEqual([
    { section: 'check', name: 'a', ok: true, figure: 1 },
    { section: 'check', name: 'b', ok: false, error: 'the process ended with SIGSEGV' },
    { section: 'check', name: 'c', ok: false, error: 'took more than 4 s' },
    { section: 'check', name: 'd', ok: true, figure: 3 },
  ])
})

test('when the time is over, a running case is stopped and the others are named', async () => {
  const hanging = worker.replace(/'b', async .*/, "'b', async () => { for (;;); })")
  const ending = ({ rows: made }: GpuRecord) => ({
    left: () => (made.length === 0 ? 1e6 : 300),
    caseLimit: 1e6,
    toJSON: () => ({ minutes: 60, began: made.length === 0 ? Date.now() : 0 }),
  })
  expect(await supervised(hanging, undefined, ending)).toEqual([
    { section: 'check', name: 'a', ok: true, figure: 1 },
    { section: 'check', name: 'b', ok: false, leftOut: true, error: 'stopped: the time of the run was over' },
    { section: 'check', name: 'c', ok: false, leftOut: true, error: 'left out: the time was over' },
    { section: 'check', name: 'd', ok: false, leftOut: true, error: 'left out: the time was over' },
  ])
})

test('a run without an adapter, and processes that measure nothing, end with the reason', async () => {
  await expect(supervised("process.send({ kind: 'unusable', why: 'no adapter' })")).rejects.toThrow(/^no adapter$/)
  await expect(supervised('process.exit(7)')).rejects.toThrow(/^the process ended with exit code 7$/)
})

test('every PyTorch case that the script does not report has a row', async () => {
  const python = join(folder, 'python')
  const said = [
    { torch: '2', device: 'cpu', cuda: 'none' },
    { begin: 'tiny f32 2 x 16' },
    { name: 'tiny f32 2 x 16', error: 'OutOfMemoryError: too large' },
    { begin: 'matmul 64 x 64 x 64 NN float32' },
  ]
  writeFileSync(python, `#!/bin/sh\n${said.map((line) => `echo '${JSON.stringify(line)}'`).join('\n')}\nexit 9\n`, {
    mode: 0o755,
  })
  const record = new GpuRecord(join(folder, 'pytorch.jsonl'), () => {})
  await pytorch(record, new Budget(60), smallSizes, python)
  expect(record.rows.map(({ name, ok, error }) => [name, ok, error])).toEqual([
    ['eager, tf32 off', true, undefined],
    ['tiny f32 2 x 16', false, 'OutOfMemoryError: too large'],
    [smallSizes.timedAttentions[0].name, false, `not reached: ${python} ended with exit code 9`],
    ['matmul 64 x 64 x 64 NN float32', false, `${python} ended with exit code 9`],
  ])
})

test('the kernels of the peaks compile where a GPU has what they use', async () => {
  const { create } = await import('webgpu')
  const gpu = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis'])
  const adapter = (await gpu.requestAdapter())!
  const features = ['shader-f16', 'subgroups', 'chromium-experimental-subgroup-matrix'] as GPUFeatureName[]
  const device = await adapter.requestDevice({ requiredFeatures: features })
  const { subgroupMaxSize: lanes = 32 } = adapter.info
  const matrices = [
    { componentType: 'f16', resultComponentType: 'f32', M: 16, N: 16, K: 16 },
    { componentType: 'f32', resultComponentType: 'f32', M: 8, N: 8, K: 8 },
  ].map((config) => matrixProducts(config, { configs: [config], lanes, sized: false }))
  for (const code of [multiplyAdds('f32'), multiplyAdds('f16'), copying(1000), ...matrices]) {
    const { messages } = await device.createShaderModule({ code }).getCompilationInfo()
    expect(messages.filter(({ type }) => type === 'error').map(({ message }) => message)).toEqual([])
  }
  device.destroy()
})

test('a wrong option, a place that cannot be written and --help are answered in words', async () => {
  const run = (...args: string[]) =>
    promisify(execFile)(process.execPath, ['--conditions=source', '--import', 'tsx', 'benchmarks/gpu.ts', ...args], {
      cwd: root,
    }).then(
      ({ stdout }) => ({ code: 0, said: stdout }),
      ({ code, stderr }) => ({ code, said: stderr as string }),
    )
  const help = await run('--help')
  expect(help.code).toBe(0)
  for (const option of ['--small', '--minutes', '--out', '--python', '--commit'])
    expect(help.said).toMatch(new RegExp(`^  ${option} .*\\w`, 'm'))
  const file = join(folder, 'a-file')
  writeFileSync(file, '')
  for (const [args, said] of [
    [['--smal'], /^gpu\.ts: Unknown option '--smal'.*--help lists the options\)\n$/],
    [['--minutes', 'x'], /^gpu\.ts: --minutes: expected a positive number, got x\n$/],
    [['--out', file], /^gpu\.ts: --out .*a-file: the folder cannot be made .*; give another\n$/],
  ] as const)
    expect(await run(...args)).toEqual({ code: 2, said: expect.stringMatching(said) })
})

test('every benchmark answers --help and unknown options, by the reader that they share', () => {
  const folder = join(root, 'benchmarks')
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.ts')))
    expect(readFileSync(join(folder, name), 'utf8'), name).not.toMatch(/parseArgs.*from 'node:util'/)
})
