/** Observable Plot as the pen of every chart: its marks and axes, as text of SVG without styles of its own. */
import { type PlotOptions, plot } from '@observablehq/plot'
import { defaultDocument } from '#document'
import type { PictureDocument } from './frame.ts'
import { serializeChildren } from './serialize.ts'

/** Draws; colours and fonts are inherited from the frame. @returns SVG of the given width and height */
export function drawPlot(options: PlotOptions, document: PictureDocument = defaultDocument()): string {
  const element = plot({ ...options, document: document as Document })
  return `<g text-anchor="middle">${serializeChildren(element)}</g>`
}
