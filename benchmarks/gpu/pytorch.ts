/** Times the same shapes in eager PyTorch, where the machine has it, for comparison. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { pytorchScript } from './pytorch-script.ts'
import { type Budget, type Figures, type GpuRecord, leftOut } from './record.ts'
import type { Sizes } from './sizes.ts'

type Line =
  | { readonly torch: string; readonly device: string; readonly cuda: string }
  | { readonly begin: string }
  | { readonly name: string; readonly figures?: Figures; readonly error?: string }

/** The cases in the order in which they matter. Their names are those of our own rows. */
function casesOf(sizes: Sizes): { readonly name: string }[] {
  const products = sizes.timedProducts.flatMap(({ name, dtype, product }) =>
    product && !dtype.startsWith('float8') ? [{ kind: 'product', name, dtype, ...product }] : [],
  )
  const attentions = sizes.timedAttentions.flatMap(({ name, dtype, attention }) =>
    attention ? [{ kind: 'attention', name, dtype, shape: attention }] : [],
  )
  const training = sizes.training.flatMap(({ name, architecture, batch, sequence }) =>
    sizes.precisions
      .filter((precision) => precision === 'f32' || precision === 'bf16')
      .map((precision) => ({
        ...{ kind: 'training', name: `${name} ${precision} ${batch} x ${sequence}`, architecture, precision },
        shape: [batch, sequence],
      })),
  )
  return [...training, ...attentions, ...products]
}

/** A row for each case; without a Python that has PyTorch, one row that says so. */
export async function pytorch(record: GpuRecord, budget: Budget, sizes: Sizes, python: string): Promise<void> {
  const section = 'pytorch'
  const about = 'eager, tf32 off'
  if (budget.left() <= 0) return record.add(leftOut(section, about))
  const left = new Set(casesOf(sizes).map(({ name }) => name))
  const child = spawn(python, ['-c', pytorchScript], { stdio: ['pipe', 'pipe', 'pipe'] })
  const timer = setTimeout(() => child.kill('SIGKILL'), budget.left())
  const closed = new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(error.message))
    child.on('close', (code, signal) => resolve(`${python} ended with ${signal ?? `exit code ${code}`}`))
  })
  let complaints = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints = (complaints + text).slice(-2000)
  })
  // If it does not start or ends early, `closed` says so.
  child.stdin.on('error', () => {})
  child.stdin.end(JSON.stringify(casesOf(sizes)))
  let running: string | undefined
  let started = false
  for await (const text of createInterface({ input: child.stdout })) {
    const line = JSON.parse(text) as Line
    if ('torch' in line) {
      started = true
      record.add({ section, name: about, ok: true, ...line })
    } else if ('begin' in line) running = line.begin
    else {
      running = undefined
      left.delete(line.name)
      const { name, figures, error } = line
      record.add({ section, name, ok: error === undefined, ...figures, ...(error !== undefined && { error }) })
    }
  }
  const why = await closed
  clearTimeout(timer)
  const over = budget.left() <= 0
  if (!started && !over) {
    const last = complaints.trim().split('\n').at(-1)
    record.add({ section, name: about, ok: true, note: `no PyTorch here: ${last || why}` })
    return
  }
  if (!started) record.add(leftOut(section, about))
  for (const name of left)
    record.add(
      over
        ? leftOut(section, name)
        : { section, name, ok: false, error: name === running ? why : `not reached: ${why}` },
    )
}
