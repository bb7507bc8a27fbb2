// Fills in the lecture pages: `<!-- table: NAME -->` and `<!-- figure: NAME -->` are replaced by tables and figures
// that are computed when the site is built.
import type { Language } from '@kumiki/report'
import { figures } from './figures.ts'
import { sayIn } from './numbers.ts'
import { tables } from './tables.ts'

const marker = /^<!-- (table|figure): ([\w-]+) -->$/gm

/** The markers of a text: `table: NAME` or `figure: NAME`. */
export const markersOf = (text: string): string[] =>
  [...text.matchAll(marker)].map(([, kind, name]) => `${kind}: ${name}`)

/**
 * Replaces the markers of a page.
 * @param picture called with name and SVG of each figure; names of Japanese figures end in -ja
 * @returns the page as Markdown
 * @throws RangeError for a marker whose name is not in `tables` or `figures`
 */
export function fillLecture(
  text: string,
  picture: (name: string, svg: string) => void,
  language: Language = 'en',
): string {
  return text.replace(marker, (_, kind: string, name: string) => {
    const known: Record<string, unknown> = kind === 'table' ? tables : figures
    if (!Object.hasOwn(known, name))
      throw new RangeError(`no ${kind} is called ${name}; there are ${Object.keys(known).join(', ')}`)
    if (kind === 'table') return tables[name as keyof typeof tables](sayIn(language))
    const { svg, caption } = figures[name as keyof typeof figures](language)
    const file = language === 'en' ? name : `${name}-${language}`
    picture(file, svg)
    return `![${caption}](/pictures/${file}.svg)\n\n_${caption}_`
  })
}
