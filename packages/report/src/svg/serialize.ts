/** A tree of SVG elements as text: the same in every browser and on Node, and small. */
import { escapeText } from '../text/escape.ts'

/** Attributes that are coordinates: a tenth of a pixel is enough. */
const coordinates = new Set('d x y x1 x2 y1 y2 cx cy r width height transform points dx dy'.split(' '))
/** What Plot writes for assistive technology inside a picture that is one image to it, and what is said at the root. */
const left = new Set(['aria-label', 'aria-hidden', 'aria-description', 'xmlns', 'xmlns:xlink'])

/** The children of an element as text, without style elements. */
export function serializeChildren(element: Element): string {
  let text = ''
  for (const child of element.childNodes) text += serialize(child as Node)
  return text
}

function serialize(node: Node): string {
  if (node.nodeType === 3) return escapeText(node.nodeValue ?? '')
  if (node.nodeType !== 1) return ''
  const element = node as Element
  const name = element.localName
  if (name === 'style') return ''
  let tag = name
  // In one order: documents keep attributes each in their own.
  for (const { name: attribute, value } of [...element.attributes].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (left.has(attribute)) continue
    tag += ` ${attribute}="${escapeText(coordinates.has(attribute) ? rounded(value) : value)}"`
  }
  const inner = serializeChildren(element)
  if (inner === '' && name === 'g') return ''
  return inner === '' ? `<${tag}/>` : `<${tag}>${inner}</${name}>`
}

function rounded(value: string): string {
  return value.replace(/-?\d*\.\d{2,}(e-?\d+)?/g, (number) => String(round(Number(number))))
}

/** One decimal, and no minus zero. */
export function round(value: number): number {
  return Math.round(value * 10) / 10 || 0
}
