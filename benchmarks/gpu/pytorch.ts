/** Times the same kernels in eager PyTorch, where the machine has it, for comparison. */
import { execFileSync } from 'node:child_process'
import { pytorchScript } from './pytorch-script.ts'
import type { GpuRecord } from './record.ts'
import type { Sizes } from './sizes.ts'

export async function pytorch(record: GpuRecord, sizes: Sizes, python: string): Promise<void> {
  const products = sizes.timedProducts.flatMap(({ name }) => {
    const [, m, k, n, , dtype] = /(\d+) x (\d+) x (\d+) (\w\w) (\w+)$/.exec(name) ?? []
    return dtype ? [[Number(m), Number(k), Number(n), dtype]] : []
  })
  const attentions = sizes.timedAttentions.flatMap(({ name }) => {
    const [, t, h, d] = /T(\d+) H(\d+)\/\d+ D(\d+)/.exec(name) ?? []
    return d ? [[Number(t), Number(h), Number(d)]] : []
  })
  let lines: Record<string, string | number>[] = []
  const about = await record.try('pytorch', 'eager, tf32 off', async () => {
    const input = JSON.stringify({ products, attentions })
    const output = execFileSync(python, ['-c', pytorchScript], {
      input,
      encoding: 'utf8',
      timeout: 240_000,
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    lines = output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    return lines[0]
  })
  if (!about.ok) return
  for (const { kernel, milliseconds } of lines.slice(1))
    await record.try('pytorch', String(kernel), async () => ({ milliseconds }))
}
