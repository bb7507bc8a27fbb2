/**
 * Runs every TypeScript and JavaScript block of the guides and the first of every README, and parses every JSON block.
 * A Japanese page has the code, structure, names and numbers of the English one.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { format } from 'node:util'
import { transform } from 'esbuild'
import { expect, test, vi } from 'vitest'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/**
 * Where a block runs: imports are resolved, and relative paths are read, from here. Every guide is here, and every
 * README of a package.
 */
const documents: Record<string, string> = { 'README.md': 'packages/kumiki', 'README.ja.md': 'packages/kumiki' }
for (const name of readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).sort())
  if (name.endsWith('.md')) documents[`docs/${name.replaceAll('\\', '/')}`] = 'packages/kumiki'
documents['docs/tokenizer.md'] = 'packages/tokenizer/vectors'
for (const name of readdirSync(join(root, 'packages')).sort()) {
  const vectors = `packages/${name}/vectors`
  if (existsSync(join(root, 'packages', name, 'README.md')))
    documents[`packages/${name}/README.md`] = existsSync(join(root, vectors)) ? vectors : `packages/${name}`
}

/** The blocks of a Markdown text in a language, in order. */
const blocks = (text: string, language: string): string[] =>
  [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```/gm)].filter(([, tag]) => tag === language).map(([, , code]) => code)

/** The source file of what a package exports: `@kumiki/train` or `@kumiki/models/configs`. */
function sourceOf(specifier: string): string {
  const [, name, path] = /^(?:@kumiki\/)?([^/]+)(\/.+)?$/.exec(specifier)!
  const folder = join(root, 'packages', name)
  const { exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const entry = exports[`.${path ?? ''}`]
  return join(folder, entry.source ?? entry)
}

const Body = (async () => {}).constructor as new (...code: string[]) => (load: unknown) => Promise<void>

/**
 * A module as the body of an async function in this process: a process for each would load every package anew. Says
 * what it printed.
 */
async function run(source: string, folder: string): Promise<string> {
  const { code } = await transform(source, { loader: 'ts', target: 'es2022', format: 'esm' })
  const body = code.replace(
    /^import (?:(\* as )?(\w+)|\{([^}]*)\}) from ["']([^"']+)["'];?$/gm,
    (_, all, name, names, from) =>
      `const ${names === undefined ? (all ? name : `{ default: ${name} }`) : `{${names.replaceAll(' as ', ': ')}}`} = await load(${JSON.stringify(from)});`,
  )
  const load = (name: string) => import(/^(@kumiki\/|kumiki)/.test(name) ? sourceOf(name) : name)
  const printed: string[] = []
  const log = vi.spyOn(console, 'log').mockImplementation((...values) => void printed.push(`${format(...values)}\n`))
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => printed.push(String(text)) > 0)
  const before = process.cwd()
  process.chdir(join(root, folder))
  try {
    await new Body('load', body)(load)
  } finally {
    process.chdir(before)
    log.mockRestore()
    write.mockRestore()
  }
  return printed.join('')
}

/** Pages in Japanese and the English ones that they are of: their code is the same, and runs there. */
const twins = Object.keys(documents).flatMap((japanese) => {
  const english = japanese.startsWith('docs/ja/')
    ? japanese.replace('docs/ja/', 'docs/')
    : japanese.endsWith('.ja.md')
      ? japanese.replace('.ja.md', '.md')
      : undefined
  return english === undefined ? [] : [[english, japanese]]
})
const inEnglish = Object.keys(documents).filter((file) => !twins.some(([, japanese]) => japanese === file))
const withCode = inEnglish.filter((file) => /^```(?:ts|js)$/m.test(readFileSync(join(root, file), 'utf8')))

test.each(withCode)('the examples of %s run', async (file) => {
  const text = readFileSync(join(root, file), 'utf8')
  const all = [...blocks(text, 'ts'), ...blocks(text, 'js').map((code) => code.replace(/^export /gm, ''))]
  // Later blocks of a README go on from the first; in a guide each stands alone.
  for (const source of file.startsWith('docs/') ? all : all.slice(0, 1)) {
    const output = await run(source, documents[file])
    if (file.startsWith('README')) expect(output).toBe('2.000 1.000\n')
  }
})

test('every package but the command line shows an example, and every JSON block parses', () => {
  for (const file of Object.keys(documents)) {
    const text = readFileSync(join(root, file), 'utf8')
    if (file.startsWith('packages/') && file !== 'packages/kumiki/README.md') expect(withCode).toContain(file)
    for (const code of blocks(text, 'json')) {
      const lines = code.trim().split('\n') // one document, or one a line
      const documents =
        lines.length > 1 && lines.every((line) => line.startsWith('{') && line.endsWith('}')) ? lines : [code]
      for (const document of documents) expect(() => JSON.parse(document), `${file}: ${document}`).not.toThrow()
    }
  }
})

/**
 * Every fenced block of a page, whatever its language, as its lines; the first is the fence. What a model answered
 * (```text) is each page's own.
 */
const fences = (text: string) => [...text.matchAll(/^```[\s\S]*?^```$/gm)].map(([block]) => block.split('\n'))
const comments: Record<string, RegExp> = { ts: / *\/\/ .*$/, js: / *\/\/ .*$/, sh: / *# .*$/ }
const isJapanese = (text: string) => /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u.test(text)
const digits = (text: string) => (text.match(/\d+(?:\.\d+)?/g) ?? []).sort()

test.each(twins)(
  'the code of %s is that of %s; only comments are translated, and keep their numbers',
  (english, japanese) => {
    const [ours, theirs] = [japanese, english].map((file) => fences(readFileSync(join(root, file), 'utf8')))
    const code = (blocks: string[][]) =>
      blocks.map((lines) =>
        (lines[0] === '```text' ? lines.slice(0, 1) : lines).map((line) =>
          line.replace(comments[lines[0].slice(3)] ?? /^\b$/, ''),
        ),
      )
    expect(code(ours), japanese).toEqual(code(theirs))
    for (const [block, lines] of ours.entries())
      for (const [at, line] of lines.entries()) {
        const [comment = '', original = ''] = [line, theirs[block][at]].map(
          (l) => comments[lines[0].slice(3)]?.exec(l)?.[0].trim() ?? '',
        )
        if (comment === original) continue
        expect(
          isJapanese(comment) && digits(comment),
          `${japanese}: ${comment || `no comment; in English ${original}`}`,
        ).toEqual(digits(original))
      }
  },
)

/** What a page states besides its words: its parts in order, its names in code, its numbers. */
function statements(file: string) {
  const text = readFileSync(join(root, file), 'utf8').replace(/^```[\s\S]*?^```$/gm, '```')
  const prose = text.replace(/`[^`\n]+`|\]\([^)]*\)/g, ' ')
  return {
    // A heading's level, a row of a table, an item of a list, a paragraph or code.
    parts: text
      .split(/\n\s*\n|\n(?=[-|])/)
      .filter((part) => part.trim())
      .map((part) => /^(?:#+|\||- |```|<!-- .* -->)/.exec(part.trim())?.[0] ?? 'paragraph'),
    names: [...new Set([...text.matchAll(/`([^`\n]+)`/g)].map(([, name]) => name))],
    numbers: [
      ...new Set((prose.match(/(?<![\w.,])\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?/g) ?? []).map((n) => n.replace(/,$/, ''))),
    ],
    prose,
  }
}

/** A number as Japanese writes it: as it is, or in units of ten thousand and of a hundred million. */
function readings(number: string): string[] {
  const n = Number(number.replaceAll(',', ''))
  const round = (value: number) => Number(value.toPrecision(12))
  return [number, `${round(n / 1e4)} 万`, `${round(n * 100)} 万`, `${round(n / 100)} 億`, `${round(n * 10)} 億`]
}

test.each(twins)('%s and %s have the same parts, names and numbers', (english, japanese) => {
  const [en, ja] = [statements(english), statements(japanese)]
  expect(ja.parts, japanese).toEqual(en.parts)
  expect(
    en.names.filter((name) => !ja.names.includes(name) && name !== 'may'),
    `names in code that ${japanese} lacks`,
  ).toEqual([])
  expect(
    en.numbers.filter((number) => !readings(number).some((reading) => ja.prose.includes(reading))),
    `numbers that ${japanese} lacks`,
  ).toEqual([])
})

test('every Japanese page is compared with an English one', () => {
  expect(twins.length).toBeGreaterThan(20)
  for (const [english] of twins) expect(existsSync(join(root, english)), english).toBe(true)
})
