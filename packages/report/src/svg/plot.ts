/** Draws marks and axes with Observable Plot, as SVG text without Plot's own styles. */
import { type PlotOptions, plot } from '@observablehq/plot'
import { defaultDocument } from '#document'
import type { PictureDocument } from './frame.ts'
import { serializeChildren } from './serialize.ts'

/** Renders a plot; colours and fonts are inherited from the frame. @returns an SVG group */
export function drawPlot(options: PlotOptions, document: PictureDocument = defaultDocument()): string {
  const element = plot({ ...options, document: document as Document })
  return `<g text-anchor="middle">${serializeChildren(element)}</g>`
}
