// Fills the lecture's pages: `<!-- table: NAME -->` and `<!-- figure: NAME -->` become what the code computes when the site is built.
import { figures } from './figures.ts'
import { tables } from './tables.ts'

const marker = /^<!-- (table|figure): ([\w-]+) -->$/gm

/** The markers of a text: `table: NAME` or `figure: NAME`. */
export const markersOf = (text: string): string[] =>
  [...text.matchAll(marker)].map(([, kind, name]) => `${kind}: ${name}`)

/**
 * @param picture takes each figure, by name
 * @throws RangeError for a marker that nothing computes
 */
export function fillLecture(text: string, picture: (name: string, svg: string) => void): string {
  return text.replace(marker, (_, kind: string, name: string) => {
    const known: Record<string, unknown> = kind === 'table' ? tables : figures
    if (!Object.hasOwn(known, name))
      throw new RangeError(`no ${kind} is called ${name}; there are ${Object.keys(known).join(', ')}`)
    if (kind === 'table') return tables[name as keyof typeof tables]()
    const { svg, caption } = figures[name as keyof typeof figures]()
    picture(name, svg)
    return `![${caption}](/pictures/${name}.svg)\n\n_${caption}_`
  })
}
