import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as optim from '../packages/optim/src/index.ts'
import * as tensor from '../packages/tensor/src/index.ts'

// The @example of every public function of tensor and optim runs. A line `expression // value` says what comes out (tensors as nested arrays,
// numbers to three digits), and so does `console.log(a, b) // value value`; other lines are statements. Everything that the package exports is
// in scope, and in tensor `device`, a device of the processor.

const packages = join(dirname(fileURLToPath(import.meta.url)), '..', 'packages')
const { device: _, ...ofTensor }: Record<string, unknown> = { ...tensor, device: undefined }

/** Need what there is none of here, or measure for seconds. */
const notRun = ['fromDevice', 'measureCeilings']

/** The docstring of every exported function in a package's sources. */
function docstrings(name: string): Map<string, string> {
  const found = new Map<string, string>()
  const folder = join(packages, name, 'src')
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts') || /\.(test|generated)\.ts$/.test(file)) continue
    const text = readFileSync(join(folder, file), 'utf8')
    const { statements } = ts.createSourceFile(file, text, ts.ScriptTarget.Latest)
    for (const s of statements) {
      const modifiers = ts.canHaveModifiers(s) ? ts.getModifiers(s) : undefined
      if (!modifiers?.some((m) => m.kind === ts.SyntaxKind.ExportKeyword)) continue
      const names = ts.isFunctionDeclaration(s)
        ? [s.name?.text]
        : ts.isVariableStatement(s)
          ? s.declarationList.declarations.map((d) => (ts.isIdentifier(d.name) ? d.name.text : undefined))
          : []
      const comments = ts.getLeadingCommentRanges(text, s.getFullStart())?.map((c) => text.slice(c.pos, c.end)) ?? []
      const docstring = comments.findLast((c) => c.startsWith('/**')) ?? ''
      for (const f of names) if (f && !found.has(f)) found.set(f, docstring)
    }
  }
  return found
}

/** The examples of a docstring, without its stars and fences. */
function examplesOf(docstring: string): string[] {
  const plain = docstring.replace(/^\/\*\*|\*\/$/g, '').replace(/^[ \t]*\* ?/gm, '')
  return [...plain.matchAll(/(?:^|\s)@example\s([\s\S]*?)(?=\s@\w+(?:\s|$)|$)/g)].map(([, code]) =>
    code.replace(/^```\w*$/gm, '').trim(),
  )
}

/** One example as the body of an async function that calls `check(value, expected)`. */
function bodyOf(example: string): string {
  const js = ts.transpileModule(example, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, removeComments: false },
  }).outputText
  return js
    .split('\n')
    .filter((line) => !/^import |^export \{/.test(line))
    .map((line) => {
      const [, code, expected] = /^(?!\s*(?:const|let|\/\/))(.*\S)\s+\/\/ (.+)$/.exec(line) ?? []
      if (!code) return line
      const expression = code.replace(/;$/, '')
      const printed = /^console\.log\(([\s\S]*)\)$/.exec(expression)
      return printed
        ? `await print([${printed[1]}], ${JSON.stringify(expected)})`
        : `await check(${expression}, ${expected})`
    })
    .join('\n')
}

const Body = (async () => {}).constructor as new (...code: string[]) => (...scope: unknown[]) => Promise<void>

let device: tensor.Device
beforeAll(async () => {
  device = await tensor.init({ backend: 'cpu', threads: 1 })
})
afterAll(() => device.dispose())

/** Tensors and typed arrays as nested arrays, numbers to three digits. */
async function plain(x: unknown): Promise<unknown> {
  if (tensor.isTensor(x)) {
    const here = x.device ? x : tensor.add(x, device.tensor(0, [], x.dtype))
    let values: unknown[] = await Promise.all(Array.from(await here.data(), plain))
    for (const d of x.shape.slice(1).reverse())
      values = Array.from({ length: d === 0 ? 0 : values.length / d }, (_, i) => values.slice(i * d, (i + 1) * d))
    return x.ndim === 0 ? values[0] : values
  }
  if (typeof x === 'number') return Number.isInteger(x) ? x + 0 : Number(x.toPrecision(3))
  if (x instanceof Promise) return plain(await x)
  if (ArrayBuffer.isView(x)) return Promise.all(Array.from(x as Float32Array, plain))
  if (Array.isArray(x)) return Promise.all(x.map(plain))
  if (typeof x !== 'object' || x === null) return x
  return Object.fromEntries(await Promise.all(Object.entries(x).map(async ([key, value]) => [key, await plain(value)])))
}

const numbersIn = (text: string) =>
  text.replace(/-?\d+(?:\.\d+)?(?:e[+-]?\d+)?/gi, (n) => String(Number(Number(n).toPrecision(3))))

async function run(example: string, scope: Record<string, unknown>): Promise<void> {
  const names = { ...scope, check, print }
  // A block of its own, so that an example may use the name of an export for something else.
  await new Body(...Object.keys(names), `{${bodyOf(example)}}`)(...Object.values(names))
}
const check = async (value: unknown, expected: unknown) => expect(await plain(value)).toEqual(await plain(expected))
/** What console.log would print, with numbers to three digits. */
const print = async (values: unknown[], expected: string) => {
  const shown = await Promise.all(
    values.map(async (v) => {
      const x = await plain(v)
      if (ArrayBuffer.isView(v)) return `${v.constructor.name}${JSON.stringify(x)}`
      return typeof x === 'string' ? x : (JSON.stringify(x) ?? String(x))
    }),
  )
  const squeezed = (text: string) => numbersIn(text).replace(/[\s"']/g, '')
  expect(squeezed(shown.join(' '))).toBe(squeezed(expected))
}

describe.each([
  { name: 'tensor', exports: ofTensor },
  { name: 'optim', exports: optim as Record<string, unknown> },
])('$name', ({ name, exports }) => {
  const docs = docstrings(name)
  const functions = Object.entries(exports).flatMap(([f, value]) =>
    typeof value === 'function' && /^[a-z]/.test(f) ? [f] : [],
  )

  test('every public function has an example', () => {
    expect(functions.length).toBeGreaterThan(20)
    expect(functions.filter((f) => examplesOf(docs.get(f) ?? '').length === 0)).toEqual([])
  })

  test('the examples run and say what comes out', async () => {
    const failed: string[] = []
    let said = 0
    for (const f of functions.filter((f) => !notRun.includes(f)))
      for (const example of examplesOf(docs.get(f) ?? '')) {
        if (/\/\/ \S/.test(example)) said++
        await run(example, name === 'tensor' ? { ...exports, device } : exports).catch((error: Error) => {
          failed.push(`${f}: ${error.message}\n${bodyOf(example)}`)
        })
      }
    expect(failed.join('\n\n')).toBe('')
    // An example without a value shows no more than that it runs.
    expect(said).toBeGreaterThan(0.9 * functions.length)
  })
})
