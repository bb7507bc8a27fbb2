/** Serializes SVG elements to compact text that is the same in every browser and on Node. */
import { escapeText } from '../text/escape.ts'

/** Attributes that hold coordinates, which are rounded to a tenth of a pixel. */
const coordinates = new Set('d x y x1 x2 y1 y2 cx cy r width height transform points dx dy'.split(' '))
/** Attributes that are dropped: ARIA attributes of parts (the chart has `role="img"` as a whole) and namespaces. */
const dropped = new Set(['aria-label', 'aria-hidden', 'aria-description', 'xmlns', 'xmlns:xlink'])

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
  // Sorted, because DOM implementations differ in the order of attributes.
  for (const { name: attribute, value } of [...element.attributes].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (dropped.has(attribute)) continue
    tag += ` ${attribute}="${escapeText(coordinates.has(attribute) ? rounded(value) : value)}"`
  }
  const inner = serializeChildren(element)
  if (inner === '' && name === 'g') return ''
  return inner === '' ? `<${tag}/>` : `<${tag}>${inner}</${name}>`
}

function rounded(value: string): string {
  return value.replace(/-?\d*\.\d{2,}(e-?\d+)?/g, (number) => String(round(Number(number))))
}

/** Rounds to one decimal; negative zero becomes zero. */
export function round(value: number): number {
  return Math.round(value * 10) / 10 || 0
}
