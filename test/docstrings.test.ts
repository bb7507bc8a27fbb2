/**
 * Runs every `@example` in the packages' sources. Every function of tensor, optim and numerics needs one, and in other
 * packages every function that the README names. `expression // value` gives the expected value (tensors as nested
 * arrays, numbers to three digits), and so does `console.log(a, b) // value value`; other lines are statements. In
 * scope are all exports of the package, `device` (on the CPU), and the values that docstring-givens.ts defines for the
 * package. The working folder is empty.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import * as tensor from '../packages/tensor/src/index.ts'
import { SpillFolder } from '../packages/tokenizer/src/load/spill-folder.ts'
import { givens } from './docstring-givens.ts'

const packages = join(dirname(fileURLToPath(import.meta.url)), '..', 'packages')

/** Packages of which every function is asked for an example; of the others, what their README names. */
const whole = ['tensor', 'optim', 'numerics']

/** Need what there is none of here, or measure for seconds. */
const notRun = /\b(fromDevice|measureCeilings|fetchFromHub)\(/

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
      const names =
        ts.isFunctionDeclaration(s) || ts.isClassDeclaration(s)
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

/** Every example of a package's sources, with its place: of functions, classes, methods and types. */
function allExamples(name: string): { place: string; code: string }[] {
  const folder = join(packages, name, 'src')
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => {
      const text = readFileSync(join(folder, file), 'utf8')
      return [...text.matchAll(/\/\*\*(?:(?!\*\/)[\s\S])*@example(?:(?!\*\/)[\s\S])*\*\//g)].flatMap((comment) => {
        const line = text.slice(0, comment.index + comment[0].length).split('\n').length + 1
        return examplesOf(comment[0]).map((code) => ({ place: `${name}/src/${file}:${line}`, code }))
      })
    })
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
const folder = mkdtempSync(join(tmpdir(), 'kumiki-docstrings-'))
const before = process.cwd()
beforeAll(async () => {
  device = await tensor.init({ backend: 'cpu', threads: 1 })
  // Training on disk collects garbage after each phase; here the heap of all tests in this process.
  vi.spyOn(SpillFolder.prototype, 'collect').mockImplementation(() => {})
  process.chdir(folder)
})
afterAll(() => {
  device.dispose()
  vi.restoreAllMocks()
  process.chdir(before)
  rmSync(folder, { recursive: true, force: true })
})

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

/** What a package exports, by all of its entries. */
async function exportsOf(name: string): Promise<Record<string, unknown>> {
  const { exports } = JSON.parse(readFileSync(join(packages, name, 'package.json'), 'utf8'))
  const entries: { source?: string }[] = Object.values(exports)
  const modules = await Promise.all(
    entries.flatMap(({ source }) => (source ? [import(join(packages, name, source))] : [])),
  )
  return Object.assign({}, ...modules)
}

/** Names that a README has in code. */
function namesIn(readme: string): Set<string> {
  const code = [...readme.matchAll(/^```ts\n([\s\S]*?)^```|`([^`\n]+)`/gm)].map(([text]) => text).join('\n')
  return new Set(code.match(/[A-Za-z]\w*/g))
}

const names = readdirSync(packages).filter((name) => !['wasm', 'kumiki'].includes(name))
describe.each(names)('%s', (name) => {
  let exports: Record<string, unknown>
  let functions: string[]
  const docs = docstrings(name)
  beforeAll(async () => {
    exports = await exportsOf(name)
    functions = Object.keys(exports).filter((f) => typeof exports[f] === 'function')
  })

  test('its functions have examples', () => {
    const named = whole.includes(name) ? undefined : namesIn(readFileSync(join(packages, name, 'README.md'), 'utf8'))
    const asked = functions.filter((f) => /^[a-z]/.test(f) && (named?.has(f) ?? true))
    expect(asked.length).toBeGreaterThan(8)
    expect(asked.filter((f) => examplesOf(docs.get(f) ?? '').length === 0)).toEqual([])
  })

  test('the examples run and say what comes out', async () => {
    const failed: string[] = []
    let [all, said] = [0, 0]
    const scope = { ...exports, device, ...(await givens[name]?.(device)) }
    for (const { place, code } of allExamples(name).filter(({ code }) => !notRun.test(code))) {
      all++
      if (/\/\/ \S/.test(code)) said++
      await run(code, scope).catch((error: Error) => {
        failed.push(`${place}: ${error.message}\n${bodyOf(code)}`)
      })
    }
    expect(failed.join('\n\n')).toBe('')
    // An example without a value shows no more than that it runs.
    expect(said / all).toBeGreaterThan(whole.includes(name) ? 0.9 : 0.6)
  })
})
