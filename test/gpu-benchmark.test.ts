/** `npm run bench:gpu` in small: GPUs are rarely available, so the command must work at once when one is. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

test('npm run bench:gpu checks, times, trains and generates, and leaves a record and a page', async () => {
  const out = mkdtempSync(join(tmpdir(), 'kumiki-gpu-'))
  const args = ['--conditions=source', '--import', 'tsx', 'benchmarks/gpu.ts', '--small', '--out', out]
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root })
  const rows = readFileSync(join(out, 'gpu.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(rows.filter(({ ok }) => !ok)).toEqual([])
  expect(stdout).toContain(`${rows.length} of ${rows.length} rows passed`)
  expect(new Set(rows.map(({ section }) => section))).toEqual(
    new Set(['adapter', 'check', 'training', 'kernels', 'generation', 'host']),
  )
  for (const { section, variants, rule, fastest } of rows)
    if (section === 'kernels') {
      const names = variants.map(({ variant }: { variant: string }) => variant)
      expect(names).toEqual(expect.arrayContaining([rule, fastest]))
      expect(names.length).toBeGreaterThan(1)
    }
  expect(readFileSync(join(out, 'gpu.html'), 'utf8')).toContain(`${rows.length} of ${rows.length} rows passed.`)
  rmSync(out, { recursive: true })
})
