/**
 * Requests a WebGPU adapter once, before any test, in a process of its own (the GPU object would keep this one alive).
 * Without an adapter WebGPU cannot be tested, so the run ends here with the reason; no test is skipped.
 */
import { spawnSync } from 'node:child_process'

const ask = `
import { create } from 'webgpu'
const gpu = create([])
const adapter = await gpu.requestAdapter()
if (!adapter) throw new Error('requestAdapter() found none')
console.log([adapter.info.vendor, adapter.info.architecture].join(' '))
process.exit(0)
`

export function setup(): void {
  const result = spawnSync(process.execPath, ['--input-type=module', '-e', ask], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
    timeout: 60_000,
  })
  if (result.status === 0) return
  const reason = result.error?.message ?? /^\w*Error.*$/m.exec(result.stderr)?.[0] ?? result.stderr.trim()
  const error = new Error(
    `No WebGPU adapter (${reason}). \`npm test\` brings a software adapter for Linux on x64; to run vitest itself use ` +
      '`node scripts/with-swiftshader.mjs vitest run FILE`. Elsewhere a GPU with its driver is needed.',
  )
  error.stack = error.message // without the stack trace, which says nothing about the cause
  throw error
}
