// Which files of the repository are pages of the site, and where each stands on it.
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..')

/** A page: a Markdown file of the repository, and its place on the site. Both are relative, with `/`. */
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

/** Every page that is a file of the repository. Generated ones (results, API) come beside them. */
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

/** What a link to a folder or file of the repository, which is no page itself, leads to. */
const standIns: Record<string, string> = {
  packages: 'guides.md',
  examples: 'guides.md',
  benchmarks: 'benchmarks.md',
  'benchmarks/results': 'results.md',
  docs: 'guides.md',
  'docs/api': 'api/index.md',
}

/** Files beside the pages that they show. */
export const isPicture = (file: string) => /\.(svg|png)$/.test(file)

/**
 * The text of a page as it stands on the site: links between files become links between pages, pictures are collected, and what the
 * site does not have becomes plain text.
 * @param exists whether the repository has a path
 * @returns the text, the pictures by their place on the site, and links that lead nowhere in the repository
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
            if (path.startsWith('/') || posix.normalize(`${fromFile}/${path}`).startsWith('apps/site/home/')) return all // the site's own
            const file = posix.normalize(posix.join(fromFile, path)).replace(/\/$/, '')
            if (!exists(file) && standIns[file] === undefined) {
              broken.push(`${page.file}: ${target}`)
              return all
            }
            if (image || isPicture(file)) {
              const place = isPicture(file) ? `pictures/${file.replaceAll('/', '-')}` : file
              pictures.set(place, file)
              return `${image}[${label}](${towards(place)})`
            }
            const place = pages.get(file) ?? pages.get(`${file}/README.md`) ?? standIns[file]
            if (place === undefined) return label.startsWith('`') ? label : `${label} (\`${file}\`)`
            return `[${label}](${towards(place)}${anchor ? `#${anchor}` : ''})`
          },
        ),
  )
  return { text: rewritten.join(''), pictures, broken }
}
