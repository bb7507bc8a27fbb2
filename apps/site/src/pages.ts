// Maps files of the repository to pages of the site, and rewrites the links between them.
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..')

/** A page: a Markdown file of the repository and its path on the site. Both are relative, with `/`. */
export interface SitePage {
  readonly file: string
  readonly path: string
}

const inFolder = (folder: string, ext = '.md') =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => name.replaceAll('\\', '/'))
    .filter((name) => name.endsWith(ext))
    .sort()

const readmes = (folder: string): SitePage[] =>
  readdirSync(join(root, folder))
    .sort()
    .filter((name) => existsSync(join(root, folder, name, 'README.md')))
    .map((name) => ({ file: `${folder}/${name}/README.md`, path: `${folder}/${name}.md` }))

/** All pages that are files of the repository; generated pages (results, API reference) are not among them. */
export function sitePages(): SitePage[] {
  return [
    ...inFolder('docs')
      .filter((name) => !name.startsWith('api/'))
      .map((name) => ({
        file: `docs/${name}`,
        path: name === 'README.md' ? 'guides.md' : name.replace(/README\.md$/, 'index.md'),
      })),
    ...inFolder('apps/site/home').map((name) => ({ file: `apps/site/home/${name}`, path: name })),
    ...readmes('packages').filter(({ file }) => !file.startsWith('packages/wasm/')),
    ...readmes('examples'),
    { file: 'benchmarks/README.md', path: 'benchmarks.md' },
    { file: 'SECURITY.md', path: 'security.md' },
  ]
}

/** Link targets for folders of the repository that are not pages themselves. */
const substitutes: Record<string, string> = {
  packages: 'guides.md',
  examples: 'guides.md',
  benchmarks: 'benchmarks.md',
  'benchmarks/results': 'results.md',
  docs: 'guides.md',
  'docs/api': 'api/index.md',
}

/** Whether a file is an image, which is copied to the site. */
export const isPicture = (file: string) => /\.(svg|png)$/.test(file)

/**
 * Rewrites the links of a page for the site: links between files become links between pages, images are collected, and
 * links to files that the site does not have become plain text.
 * @param pages paths on the site by file of the repository
 * @param exists whether the repository has a path
 * @returns the text, the images (path on the site to file), and the broken links
 */
export function rewrite(
  text: string,
  page: SitePage,
  pages: ReadonlyMap<string, string>,
  exists: (path: string) => boolean,
): { text: string; pictures: Map<string, string>; broken: string[] } {
  const pictures = new Map<string, string>()
  const broken: string[] = []
  const [fromFile, fromSite] = [posix.dirname(page.file), posix.dirname(page.path)]
  const towards = (path: string) => {
    const relative = posix.relative(fromSite, path)
    return relative.startsWith('.') ? relative : `./${relative}`
  }
  const parts = text.split(/(^```[\s\S]*?^```$)/m)
  const rewritten = parts.map((part) =>
    part.startsWith('```')
      ? part
      : part.replace(
          /(!?)\[((?:[^[\]]|\[[^\]]*\])*)\]\((?!https?:|#|mailto:)([^)\s]+)\)/g,
          (all, image, label, target) => {
            const [path, anchor] = target.split('#')
            // Already a path of the site.
            if (path.startsWith('/') || posix.normalize(`${fromFile}/${path}`).startsWith('apps/site/home/')) return all
            const file = posix.normalize(posix.join(fromFile, path)).replace(/\/$/, '')
            if (!exists(file) && substitutes[file] === undefined) {
              broken.push(`${page.file}: ${target}`)
              return all
            }
            if (image || isPicture(file)) {
              const place = isPicture(file) ? `pictures/${file.replaceAll('/', '-')}` : file
              pictures.set(place, file)
              return `${image}[${label}](${towards(place)})`
            }
            const place = pages.get(file) ?? pages.get(`${file}/README.md`) ?? substitutes[file]
            if (place === undefined) return label.startsWith('`') ? label : `${label} (\`${file}\`)`
            return `[${label}](${towards(place)}${anchor ? `#${anchor}` : ''})`
          },
        ),
  )
  return { text: rewritten.join(''), pictures, broken }
}
