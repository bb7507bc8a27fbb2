/** `docs/operations.md` is generated from the table of ops: run this file with `-u` to write it. */
import { expect, test } from 'vitest'
import type { DType } from '../src/dtype.ts'
import * as k from '../src/index.ts'
import type { Op } from '../src/op.ts'
import { opTable } from './op-table.ts'
import { operationNames, transformNames } from './operation-names.ts'

const ops = new Map(opTable.map((op) => [op.name, op]))
const code = (text: string) => (text === '-' ? '' : `\`${text}\``)

/** The op of an operation, where it has another name. */
const opOf: Record<string, string> = { greater: 'less', greaterEqual: 'lessEqual', full: 'constant' }

/** Their operation refuses integers, or their inputs come from one that does. */
const checkedBefore = ['matmul', 'softmaxGradient', 'rmsNormGradient']

/** Which dtypes the operand may have whose dtype is free. */
function dtypesOf(op: Op<any>): string {
  const sample = op.samples?.[0]
  if (!sample) return ''
  if (checkedBefore.includes(op.name)) return 'floats'
  // Where every input of the sample says its dtype, all of them are free.
  const fixed = sample.inputs.some((x) => x.dtype === undefined)
  const accepts = (dtype: DType): boolean => {
    try {
      op.infer(
        sample.inputs.map((x) => ({ shape: x.shape, dtype: fixed && x.dtype !== undefined ? x.dtype : dtype })),
        sample.attrs ?? {},
      )
      return true
    } catch {
      return false
    }
  }
  if (!accepts('float32')) return accepts('int32') ? 'integers' : ''
  if (!accepts('bfloat16')) return accepts('int32') ? '32 bits' : 'float32'
  return accepts('int32') ? 'all' : 'floats'
}

/** Rounded on the way, or beside others: their samples are not for finite differences, but a gradient they have. */
const passing = ['cast', 'barrier']

function gradientOf(op: Op<any>): string {
  if (op.kind === 'leaf') return ''
  const smooth = op.samples?.some(
    (s) => s.differentiable !== false && s.inputs.some((x) => (x.dtype ?? 'float32') === 'float32'),
  )
  if (smooth || passing.includes(op.name)) return op.gradient ? 'own' : 'of its definition'
  return op.definition ? 'of its definition' : 'none'
}

function runsOn(op: Op<any>, backend: 'cpu' | 'webgpu'): string {
  if (op.kind === 'view') return 'view'
  if (op.elementwise) return backend === 'webgpu' || op.elementwise.simd ? 'fused' : 'definition'
  if (op[backend]) return 'kernel'
  if (op.definition) return 'composition'
  const sample = op.samples?.[0]
  const inputs = sample?.inputs.map((x) => k.zeros(x.shape, x.dtype)) ?? []
  if (op.lowering?.(inputs, sample?.attrs ?? {})) return 'composition'
  return op.kind === 'leaf' ? 'fused' : 'definition'
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string => {
  const widths = head.map((h, i) => Math.max(h.length, 3, ...rows.map((r) => r[i].length)))
  const line = (cells: readonly string[]) => `| ${cells.map((c, i) => c.padEnd(widths[i])).join(' | ')} |`
  return [line(head), `| ${widths.map((w) => '-'.repeat(w)).join(' | ')} |`, ...rows.map(line)].join('\n')
}

function page(): string {
  const prototype = k.Tensor.prototype as unknown as Record<string, unknown>
  const operations = [...operationNames].map(([name, [torch, jax]]) => {
    const op = ops.get(opOf[name] ?? name)
    const method = name === 'cast' ? 'astype' : name
    return [
      code(name),
      typeof prototype[method] === 'function' ? code(`.${method}`) : '',
      op ? op.kind : 'composition',
      code(torch),
      code(jax),
    ]
  })
  const rows = opTable
    .filter((op) => op.name !== 'source' && op.name !== 'input')
    .map((op) => [code(op.name), op.kind, dtypesOf(op), gradientOf(op), runsOn(op, 'cpu'), runsOn(op, 'webgpu')])
  const transforms = [...transformNames].map(([name, [torch, jax]]) => [code(name), code(torch), code(jax)])
  return `# Operations

All operations of \`@kumiki/tensor\`, with their names in PyTorch and JAX. This page is generated from the op definitions
(by \`packages/tensor/test/operations-page.test.ts\` with \`-u\`).

## Operations

An operation is a public function; \`kind\` is the kind of its op, or \`composition\` if it is composed of other operations and has their gradients.
The gradient of every op below is tested against finite differences, and named operations against PyTorch (\`packages/tensor/vectors\`).

${table(['operation', 'method', 'kind', 'PyTorch', 'JAX, NumPy'], operations)}

Defaults that differ from JAX and NumPy: \`variance\` and \`std\` divide by n - 1 (as PyTorch). Defaults that differ from PyTorch: \`max\`, \`min\` and
pooling split the gradient among ties; \`gather\` and \`scatter\` ignore out-of-range ids; losses return one number per row (\`mse\` a mean).

## Transforms

${table(['function', 'PyTorch', 'JAX'], transforms)}

## Ops

\`dtypes\`: storage formats of the operands, except ids and conditions. \`gradient\`: its own rule, that of its definition, or none (zero everywhere, or
integers). \`cpu\` and \`webgpu\`: a hand-written \`kernel\`, \`fused\` into kernels generated with the program, \`view\` (nothing runs), \`composition\` of
other ops, or \`definition\` (evaluated in JavaScript).

${table(['op', 'kind', 'dtypes', 'gradient', 'cpu', 'webgpu'], rows)}
`
}

test('docs/operations.md is up to date', async () => {
  await expect(page()).toMatchFileSnapshot('../../../docs/operations.md')
})

test('every operation and function of functions is on the page', () => {
  const others = new Set(
    'apply apply1 chromeTrace cpuAddressableBytes defineOp flatten fromDevice init isFloat isTensor mapTensors measureCeilings profile profileRows profileTable tensorsOf'.split(
      ' ',
    ),
  )
  const names = Object.entries(k).flatMap(([name, value]) =>
    typeof value === 'function' && /^[a-z]/.test(name) ? [name] : [],
  )
  const missing = names.filter((n) => !operationNames.has(n) && !transformNames.has(n) && !others.has(n))
  expect(missing, 'each needs its line `name | torch | jax` in operation-names.ts').toEqual([])
  expect([...operationNames.keys(), ...transformNames.keys()].filter((n) => !names.includes(n))).toEqual([])
})
