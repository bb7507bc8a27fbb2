/** Packed tarballs in plain projects: contents, imports, types. */
import { execFile, execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
// @ts-expect-error: a script without types
import { packages } from '../scripts/build.mjs'
// @ts-expect-error: a script without types
import { pack } from '../scripts/pack.mjs'

// Does `npm install` of one package work alone? Every package is packed as it would be published and unpacked into a
// folder of its own, beside the packages it depends on and no others; then plain Node (no `source` condition, no tsx)
// imports every sub-path.

interface Packed {
  name: string
  folder: string
  manifest: any
  tarball: string
}

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const names: string[] = packages().map((p: Packed) => p.name)
const folder = mkdtempSync(join(tmpdir(), 'kumiki-packed-'))
let packed: Record<string, Packed>

beforeAll(async () => {
  packed = Object.fromEntries((await pack(join(folder, 'tarballs'))).map((p: Packed) => [p.name, p]))
}, 300_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

/**
 * Unpacks a package and all it needs into `modules`; packages that are not ours are linked from where pnpm put them.
 */
function installInto(modules: string, name: string): void {
  const target = join(modules, name)
  if (existsSync(target)) return
  mkdirSync(target, { recursive: true })
  execFileSync('tar', ['-xzf', packed[name].tarball, '-C', target, '--strip-components=1'])
  for (const dependency of Object.keys(packed[name].manifest.dependencies ?? {})) {
    if (dependency in packed) {
      installInto(modules, dependency)
      continue
    }
    const link = join(modules, dependency)
    if (existsSync(link)) continue
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(realpathSync(join(packed[name].folder, 'node_modules', dependency)), link, 'junction')
  }
}

/** A folder in which `name` is installed. */
function project(name: string): string {
  const dir = join(folder, name.replace('/', '-'))
  installInto(join(dir, 'node_modules'), name)
  return dir
}

const subPaths = (manifest: any): string[] => Object.keys(manifest.exports).filter((path) => path !== './package.json')

const run = async (cwd: string, code: string): Promise<string> => {
  const env = { ...process.env, NODE_OPTIONS: '' }
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', code], { cwd, env })
  return stdout.trim()
}

const filesBelow = (dir: string): string[] =>
  readdirSync(dir, { recursive: true, encoding: 'utf8' }).map((file) => file.replaceAll('\\', '/'))

describe.each(names)('%s', (name) => {
  test('holds what it promises and nothing else', () => {
    const dir = join(project(name), 'node_modules', name)
    const manifest = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'))
    const files = filesBelow(dir)
    expect(files).toContain('LICENSE')
    expect(files).toContain('README.md')
    expect(files.filter((f) => f.startsWith('src') || f.includes('test'))).toEqual([])
    expect(JSON.stringify(manifest.exports)).not.toContain('source')
    expect(JSON.stringify(manifest.dependencies ?? {})).not.toContain('workspace:')
    for (const path of subPaths(manifest)) {
      for (const target of Object.values<string>(manifest.exports[path])) expect(files).toContain(target.slice(2))
    }
    for (const bin of Object.values<string>(manifest.bin ?? {}))
      expect(readFileSync(join(dir, bin), 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/)
    const links = readFileSync(join(dir, 'README.md'), 'utf8').matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)
    for (const [, link] of links) expect(files, `the README links to ${link}`).toContain(link)
    const unresolvable = /(?:from |import\()'(?:\.[^']*(?<!\.d)\.ts|[^']*\/src\/[^']*)'|^declare module '\./gm
    for (const file of files.filter((f) => f.endsWith('.d.ts')))
      expect(readFileSync(join(dir, file), 'utf8').match(unresolvable), file).toBeNull()
  })

  test('every entry imports in plain Node', async () => {
    const dir = project(name)
    const entries = subPaths(packed[name].manifest).map((path) => name + path.slice(1))
    const code = entries.map((e) => `console.log(Object.keys(await import('${e}')).length)`).join('\n')
    const counts = (await run(dir, code)).split('\n').map(Number)
    expect(counts.length).toBe(entries.length)
    for (const count of counts) expect(count).toBeGreaterThan(0)
  })
})

const calls: Record<string, [code: string, output: string]> = {
  '@kumiki/numerics': [
    `import { encodeArray } from '@kumiki/numerics'
     console.log(encodeArray('float8_e4m3fn', Float32Array.of(0.1, -1.7, 300, 1e-4)).join())`,
    '29,190,121,0',
  ],
  '@kumiki/optim': [
    `import { wsd } from '@kumiki/optim'
     const schedule = wsd({ peak: 1, warmupSteps: 4, steps: 20, decaySteps: 4 })
     console.log(schedule(10))`,
    '1',
  ],
  '@kumiki/tokenizer': [
    `import { loadTokenizer } from '@kumiki/tokenizer'
     import { trainUnigram } from '@kumiki/tokenizer/train'
     const lines = Array.from({ length: 40 }, (_, i) => 'joinery that holds without nails ' + i)
     const tokenizer = loadTokenizer(trainUnigram(lines, { vocabSize: 300, byteFallback: true, hardVocabLimit: false }))
     console.log(tokenizer.decode(tokenizer.encode('nails and joinery')))`,
    'nails and joinery',
  ],
  '@kumiki/tensor': [
    `import { grad, init } from '@kumiki/tensor'
     const device = await init({ backend: 'cpu', threads: 2 })
     const x = device.tensor([1, 2, 3])
     console.log((await grad((w) => w.mul(w).sum())(x).data()).join())
     device.dispose()`,
    '2,4,6',
  ],
}

test.each(Object.keys(calls))('%s works alone', async (name) => {
  const [code, output] = calls[name]
  expect(await run(project(name), code)).toBe(output)
})

test('the declarations type-check in a project with nothing else', async () => {
  const dir = join(folder, 'types')
  for (const name of names) installInto(join(dir, 'node_modules'), name)
  const entries = names.flatMap((name) => subPaths(packed[name].manifest).map((path) => name + path.slice(1)))
  writeFileSync(join(dir, 'package.json'), '{ "type": "module" }')
  writeFileSync(
    join(dir, 'all.ts'),
    `${entries.map((entry, i) => `export * as e${i} from '${entry}'`).join('\n')}
import { grad, init, type Tensor } from '@kumiki/tensor'
const device = await init({ backend: 'cpu' })
export const g: Tensor = grad((w: Tensor) => w.matmul(w).sum())(device.tensor([1, 2, 3, 4], [2, 2]))
`,
  )
  writeFileSync(
    join(dir, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        noEmit: true,
        strict: true,
        module: 'nodenext',
        target: 'es2022',
        // What a project for browsers has by default: our declarations bring what else they need.
        lib: ['es2022', 'dom'],
        types: [],
        skipLibCheck: false,
      },
      files: ['all.ts'],
    }),
  )
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const output = await promisify(execFile)(process.execPath, [tsc, '-p', dir]).then(
    () => '',
    (error) => error.stdout as string,
  )
  expect(output).toBe('')
})
