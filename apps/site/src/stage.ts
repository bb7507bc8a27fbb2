// Writes the pages of the site into the source folder of the generator.
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fillLecture } from './lecture/fill.ts'
import { rewrite, root, sitePages } from './pages.ts'
import { resultsPage } from './results.ts'

export const stageFolder = join(root, 'apps', 'site', 'generator', 'pages')

function write(path: string, text: string): void {
  const file = join(stageFolder, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}

/** Writes all pages and images, after emptying the folder. @returns the broken links, as `FILE: TARGET` */
export async function stage(): Promise<string[]> {
  rmSync(stageFolder, { recursive: true, force: true })
  const pages = sitePages()
  const places = new Map(pages.map(({ file, path }) => [file, path]))
  const broken: string[] = []
  for (const page of pages) {
    const source = readFileSync(join(root, page.file), 'utf8')
    const language = page.file.startsWith('docs/ja/') ? 'ja' : 'en'
    const filled = fillLecture(source, (name, svg) => write(`pictures/${name}.svg`, svg), language)
    const { text, pictures, broken: lost } = rewrite(filled, page, places, (path) => existsSync(join(root, path)))
    broken.push(...lost)
    write(page.path, text)
    for (const [place, file] of pictures) {
      mkdirSync(dirname(join(stageFolder, place)), { recursive: true })
      copyFileSync(join(root, file), join(stageFolder, place))
    }
  }
  write('results.md', resultsPage())
  return broken
}
