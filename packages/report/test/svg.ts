/** Parses the text of pictures and pages for the tests. */
import { parseHTML } from 'linkedom'
import { expect } from 'vitest'

/** Holds that tags match and text is escaped, as an XML parser would. @returns the text */
export function wellFormed(svg: string): string {
  const open: string[] = []
  const rest = svg.replace(/<(\/?)([a-zA-Z][\w:]*)((?: [\w:-]+="[^"<]*")*)(\/?)>/g, (_, closing, name, __, empty) => {
    if (closing) expect(open.pop()).toBe(name)
    else if (!empty) open.push(name)
    return ''
  })
  expect(open).toEqual([])
  expect(rest.replace(/&(amp|lt|gt|quot|#\d+);/g, '')).not.toMatch(/[<>&]/)
  // Colours of its surroundings, and no ground of its own.
  expect(svg).toContain('svg:root{color-scheme:light dark;color:CanvasText}')
  expect(svg).toContain('currentColor')
  return svg
}

export const elementsOf = (svg: string, name: string): string[] =>
  [...svg.matchAll(new RegExp(`<${name}[ />][^>]*`, 'g'))].map(([element]) => element)

export const textsOf = (svg: string): string[] =>
  [...parse(svg).querySelectorAll('text')].map((text) => text.textContent!)

export const titlesOf = (svg: string): string[] =>
  [...parse(svg).querySelectorAll('title')].map((title) => title.textContent!)

/** Attributes of the outermost element. */
export const attributesOf = (svg: string): Record<string, string> =>
  Object.fromEntries([...svg.slice(0, svg.indexOf('>')).matchAll(/([\w-]+)="([^"]*)"/g)].map(([, n, v]) => [n, v]))

/** Points of the paths that are stroked in a colour. */
export function pathPoints(svg: string, color: string): [number, number][] {
  const groups = [...parse(svg).querySelectorAll(`[stroke="${color}"]`)].filter((e) => e.querySelector('path'))
  return groups
    .flatMap((group) => [...group.querySelectorAll('path')])
    .flatMap((path) => [...path.getAttribute('d')!.matchAll(/[ML](-?[\d.]+),(-?[\d.]+)/g)])
    .map(([, x, y]) => [Number(x), Number(y)])
}

export function parse(text: string): Document {
  return parseHTML(text.startsWith('<svg') ? `<!doctype html><html><body>${text}</body></html>` : text)
    .document as never
}
