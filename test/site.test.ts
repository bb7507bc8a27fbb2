/** Sources of the site: links, anchors, navigation, and the lecture's computed numbers. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { expect, test } from 'vitest'
// @ts-expect-error: a module without types
import { apiSidebar, examples } from '../apps/site/generator/.vitepress/navigation.mjs'
import { fillLecture, markersOf } from '../apps/site/src/lecture/fill.ts'
import { rewrite, root, sitePages } from '../apps/site/src/pages.ts'
import { resultsPage } from '../apps/site/src/results.ts'

// What the site is made of: its links lead somewhere, its anchors are headings, and what the lecture promises is
// computed.

const pages = sitePages().filter(({ file }) => existsSync(join(root, file)))
const textOf = (file: string) => readFileSync(join(root, file), 'utf8')

/** As GitHub and the site make them: lower case, without marks, spaces as hyphens. */
const anchorsOf = (text: string) =>
  [...text.replace(/^```[\s\S]*?^```/gm, '').matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replace(/\s/g, '-'),
  )

test('every link of every page leads to a file of the repository, and every anchor to a heading', () => {
  const places = new Map(pages.map(({ file, path }) => [file, path]))
  const wrong: string[] = []
  for (const page of pages) {
    const text = textOf(page.file)
    wrong.push(...rewrite(text, page, places, (path) => existsSync(join(root, path))).broken)
    for (const [, target, anchor] of text.matchAll(/\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)/g)) {
      const file = target ? posix.normalize(posix.join(posix.dirname(page.file), target)) : page.file
      if (places.has(file) && !anchorsOf(textOf(file)).includes(decodeURI(anchor)))
        wrong.push(`${page.file}: ${target}#${anchor}`)
    }
  }
  for (const file of ['README.md', 'README.ja.md'])
    for (const [, target] of textOf(file).matchAll(/\]\((?!https?:)([^)#\s]+)/g))
      if (!existsSync(join(root, target))) wrong.push(`${file}: ${target}`)
  expect(wrong).toEqual([])
  expect(pages.length).toBeGreaterThan(45)
})

test('every example with a README is in the navigation', () => {
  const told = readdirSync(join(root, 'examples')).filter((name) =>
    existsSync(join(root, 'examples', name, 'README.md')),
  )
  expect([...examples].sort(), 'the list of apps/site/generator/.vitepress/navigation.mjs').toEqual(told.sort())
})

test('links between pages become links of the site, pictures are taken along, what the site lacks becomes text', () => {
  const places = new Map(pages.map(({ file, path }) => [file, path]))
  const page = { file: 'docs/lecture/x.md', path: 'lecture/x.md' }
  const text = '[a](../planner.md#b) ![p](../planner-timeline.svg) [s](../../scripts/build.mjs) [n](nowhere.md)'
  const { text: out, pictures, broken } = rewrite(text, page, places, (path) => existsSync(join(root, path)))
  expect(out).toBe(
    '[a](../planner.md#b) ![p](../pictures/docs-planner-timeline.svg) s (`scripts/build.mjs`) [n](nowhere.md)',
  )
  expect([...pictures.values()]).toEqual(['docs/planner-timeline.svg'])
  expect(broken).toEqual(['docs/lecture/x.md: nowhere.md'])
})

test('every table and figure of the lecture is computed', () => {
  const chapters = pages.filter(({ file }) => file.startsWith('docs/lecture/'))
  const pictures = new Map<string, string>()
  const filled = chapters.map(({ file }) => fillLecture(textOf(file), (name, svg) => pictures.set(name, svg)))
  expect(chapters.flatMap(({ file }) => markersOf(textOf(file))).length).toBeGreaterThan(20)
  expect(filled.flatMap(markersOf)).toEqual([])
  // The Japanese chapters have the same, in the same order, and in Japanese words.
  for (const { file } of chapters) {
    const japanese = textOf(file.replace('docs/', 'docs/ja/'))
    expect(markersOf(japanese), file).toEqual(markersOf(textOf(file)))
    const markers = markersOf(japanese)
      .map((marker) => `<!-- ${marker} -->`)
      .join('\n\n')
    const text = fillLecture(markers, (name, svg) => pictures.set(name, svg), 'ja')
    for (const [header] of text.matchAll(/^\|.*(?=\n\| ---)/gm))
      expect(header).toMatch(/[\p{Script=Han}\p{Script=Katakana}]/u)
    for (const [, caption] of text.matchAll(/^_(.*)_$/gm))
      expect(caption).toMatch(/[\p{Script=Han}\p{Script=Katakana}]/u)
  }
  expect([...pictures.keys()].filter((name) => pictures.has(`${name}-ja`)).length).toBe(pictures.size / 2)
  for (const [name, svg] of pictures)
    expect(/[\p{Script=Han}\p{Script=Katakana}]/u.test(svg), name).toBe(name.endsWith('-ja'))
  const all = filled.join('\n')
  for (const known of ['13,706,931,200', '196 %', '23,561', '48.60 %', '| LX | no | no | no |'])
    expect(all).toContain(known)
  for (const svg of pictures.values()) expect(svg.trim()).toMatch(/^<svg[\s\S]*<\/svg>$/)
  expect(() => fillLecture('<!-- table: nothing -->', () => {})).toThrow('no table is called nothing')
})

test('the front pages keep their indentation, which a formatter once took', () => {
  for (const file of ['apps/site/home/index.md', 'apps/site/home/ja/index.md'])
    expect(textOf(file)).toMatch(/^---\nlayout: home\nhero:\n {2}name: .*\n {2}text: [\s\S]*\n {2}actions:\n {4}- \{/)
})

test('the API reference lists each package once, with its other entries below it', () => {
  const several = ['index.md', 'index-1.md', 'node.md'].map((file) => `@kumiki/data/${file}`)
  const sidebar = apiSidebar([
    'index.md',
    ...several,
    '@kumiki/optim.md',
    'kumiki/index.md',
    'kumiki/namespaces/data.md',
  ])
  expect(sidebar).toEqual([
    { text: '@kumiki/optim', link: '/api/@kumiki/optim' },
    {
      text: '@kumiki/data',
      link: '/api/@kumiki/data/index-1',
      items: [{ text: '/node', link: '/api/@kumiki/data/node' }],
      collapsed: false,
    },
    { text: 'kumiki', link: '/api/kumiki/index' },
  ])
})

test('results name their machine and commit', () => {
  const text = resultsPage()
  expect(text).toContain('AMD EPYC, 2 logical processors. Commit')
  expect(text).not.toMatch(/undefined|NaN|\[object/)
})
