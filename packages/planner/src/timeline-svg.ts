/** A pipeline's step as a picture: one row a stage, one box a pass. */
import { integer } from './check.ts'
import type { Pass, PipelineTimeline, Schedule } from './estimate/pipeline.ts'
import { escapeHtml, round, seconds, textWidth, ticks } from './svg-parts.ts'

export interface TimelineOptions {
  /** Pixels; default 1040. */
  readonly width?: number
  /** Default: schedule, stages and bubble. */
  readonly title?: string
  /** Blocks after the pipeline, such as the gradient exchange and the optimizer. */
  readonly after?: readonly { readonly label: string; readonly seconds: number }[]
}

/** In a page it has the page's colours; as a file or an image, those that its reader prefers. Hues: dark enough on white, light enough on black, told apart by those who see few colours. */
const style =
  'svg:root{color-scheme:light dark;color:CanvasText}.kt text{font:12px system-ui,sans-serif;fill:currentColor}.kt .t{font-size:14px;font-weight:600}.kt .lane{fill:currentColor;opacity:.09}' +
  '.kt .forward{fill:#3b78d8}.kt .backward{fill:#e0862b}.kt .weight{fill:#1f9e6e}.kt .after{fill:#8a8f98}.kt .n{font-size:10.5px;fill:#fff;text-anchor:middle}' +
  '.kt .g{stroke:currentColor;stroke-opacity:.25}.kt .cut{stroke:#8b877f;stroke-dasharray:3 3}.kt .edge{fill:none;stroke:Canvas;stroke-width:.7}'

const names = { forward: 'forward', backward: 'backward', weight: 'gradients of weights' } as const

const scheduleNames: Readonly<Record<Schedule, string>> = {
  gpipe: 'GPipe',
  '1f1b': '1F1B',
  interleaved: 'Interleaved 1F1B',
  'zero-bubble': 'Zero-bubble (ZB-H1)',
}

interface Window {
  readonly from: number
  readonly to: number
  readonly x: number
  readonly width: number
}

/**
 * Draws a simulated step: colours for forward, backward and weight gradients, paler for later chunks, the micro-batch's number where there
 * is room; a legend; time below. A long step is cut: its start and its end are drawn.
 * @param timeline of `simulatePipeline` or `simulate`
 * @returns the text of one self-contained SVG element, for pages in light and in dark
 * @throws RangeError for a width under 320 or over 10,000
 */
export function timelineSvg(timeline: PipelineTimeline, options: TimelineOptions = {}): string {
  const width = integer('width', options.width ?? 1040, 320, 10_000)
  const stages = timeline.busy.length
  const after = (options.after ?? []).filter((block) => block.seconds > 0)
  const end = timeline.seconds + after.reduce((sum, block) => sum + block.seconds, 0)
  const row = stages <= 8 ? 26 : stages <= 24 ? 18 : 10
  const gap = row > 12 ? 3 : 1
  const chunks = 1 + timeline.passes.reduce((most, { chunk }) => Math.max(most, chunk), 0)
  const kinds = (['forward', 'backward', 'weight'] as const).filter((kind) =>
    timeline.passes.some((pass) => pass.kind === kind),
  )
  const left = 66
  const right = width - 14
  const title =
    options.title ??
    `${scheduleNames[timeline.schedule]}, ${stages} stage${stages > 1 ? 's' : ''}: bubble ${(100 * timeline.bubbleOverWork).toFixed(1)} % of the work`
  const legend = legendOf(kinds, chunks, after, left, right)
  const top = 34 + legend.height
  const bottom = top + stages * (row + gap)
  const height = bottom + 34
  const windows = windowsOf(timeline, end, left, right)
  const y = (stage: number) => top + stage * (row + gap)
  const parts: string[] = []
  for (let stage = 0; stage < stages; stage++) {
    for (const one of windows) {
      parts.push(`<rect class="lane" x="${round(one.x)}" y="${y(stage)}" width="${round(one.width)}" height="${row}"/>`)
    }
    if (row > 12 || stage % 4 === 0) {
      parts.push(
        `<text x="${left - 8}" y="${y(stage) + row / 2 + 4}" text-anchor="end">${stages <= 24 ? `stage ${stage}` : stage}</text>`,
      )
    }
  }
  for (const one of windows) parts.push(boxes(timeline.passes, one, kinds, chunks, row, y))
  let start = timeline.seconds
  for (const block of after) {
    for (const one of windows) {
      const box = clip(start, start + block.seconds, one)
      if (box) {
        parts.push(
          `<rect class="after" x="${round(box.x)}" y="${top}" width="${round(Math.max(0.5, box.width))}" height="${bottom - top - gap}"><title>${escapeHtml(block.label)}: ${seconds(block.seconds)}</title></rect>`,
        )
      }
    }
    start += block.seconds
  }
  parts.push(axis(windows, bottom, end))
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" class="kt" role="img" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" aria-label="${escapeHtml(title)}">` +
    `<style>${style}</style><text class="t" x="${left}" y="20">${escapeHtml(title)}</text>${legend.text}${parts.join('')}</svg>`
  )
}

/** The whole step, or its start and its end where boxes would be too thin. */
function windowsOf(timeline: PipelineTimeline, end: number, left: number, right: number): Window[] {
  const stages = timeline.busy.length
  const perStage = timeline.passes.length / stages
  const room = right - left
  // A box under 7 pixels cannot be told from its neighbour.
  if (perStage * 7 <= room) return [{ from: 0, to: end, x: left, width: room }]
  const shown = Math.max(Math.floor(room / 9), 4 * stages)
  const part = Math.min(0.45, shown / perStage / 2) * end
  const width = (room - 28) / 2
  return [
    { from: 0, to: part, x: left, width },
    { from: end - part, to: end, x: left + width + 28, width },
  ]
}

function clip(start: number, end: number, { from, to, x, width }: Window): { x: number; width: number } | null {
  const [a, b] = [Math.max(start, from), Math.min(end, to)]
  if (b <= a) return null
  const scale = width / (to - from)
  return { x: x + (a - from) * scale, width: (b - a) * scale }
}

function boxes(
  passes: readonly Pass[],
  window: Window,
  kinds: readonly Pass['kind'][],
  chunks: number,
  row: number,
  y: (stage: number) => number,
): string {
  // One path for all boxes of a colour keeps the text small.
  const paths = new Map<string, string[]>()
  const numbers: string[] = []
  for (const { stage, chunk, microBatch, kind, start, end } of passes) {
    const box = clip(start, end, window)
    if (!box) continue
    const key = `${kind} ${chunk}`
    let path = paths.get(key)
    if (!path) {
      path = []
      paths.set(key, path)
    }
    const [x, w] = [round(box.x), round(Math.max(0.3, box.width))]
    path.push(`M${x} ${y(stage)}h${w}v${row}h${-w}z`)
    const label = String(microBatch + 1)
    if (row >= 16 && w > textWidth(label, 10.5) + 3) {
      numbers.push(`<text class="n" x="${round(x + w / 2)}" y="${y(stage) + row / 2 + 4}">${label}</text>`)
    }
  }
  const drawn: string[] = []
  for (const kind of kinds) {
    for (let chunk = 0; chunk < chunks; chunk++) {
      const path = paths.get(`${kind} ${chunk}`)
      if (!path) continue
      const d = path.join('')
      drawn.push(`<path class="${kind}" fill-opacity="${shade(chunk, chunks)}" d="${d}"/><path class="edge" d="${d}"/>`)
    }
  }
  return drawn.join('') + numbers.join('')
}

function shade(chunk: number, chunks: number): number {
  return chunks === 1 ? 1 : Math.round(100 * (1 - (0.36 * chunk) / (chunks - 1))) / 100
}

function legendOf(
  kinds: readonly Pass['kind'][],
  chunks: number,
  after: readonly { readonly label: string }[],
  left: number,
  right: number,
): { text: string; height: number } {
  const entries: [shape: string, label: string][] = kinds.map((kind) => [
    `<rect class="${kind}" width="14" height="10" rx="2"/>`,
    names[kind],
  ])
  if (chunks > 1) {
    const [first, last] = [shade(0, chunks), shade(chunks - 1, chunks)]
    entries.push([
      `<rect class="forward" fill-opacity="${first}" width="7" height="10"/><rect class="forward" fill-opacity="${last}" x="7" width="7" height="10"/>`,
      `first to last of ${chunks} chunks`,
    ])
  }
  if (after.length > 0) {
    entries.push(['<rect class="after" width="14" height="10" rx="2"/>', after.map(({ label }) => label).join(', ')])
  }
  entries.push(['<rect class="lane" width="14" height="10" rx="2"/>', 'waiting'])
  let [x, y] = [left, 32]
  const text = entries
    .map(([shape, label]) => {
      const needed = 20 + textWidth(label, 12) + 18
      if (x + needed > right && x > left) {
        x = left
        y += 18
      }
      const drawn = `<g transform="translate(${round(x)} ${y})">${shape}<text x="20" y="9.5">${escapeHtml(label)}</text></g>`
      x += needed
      return drawn
    })
    .join('')
  return { text, height: y - 32 + 18 }
}

function axis(windows: readonly Window[], bottom: number, end: number): string {
  const parts: string[] = []
  const unit = end < 1e-3 ? 1e-6 : end < 1 ? 1e-3 : 1
  const name = unit === 1 ? 's' : unit === 1e-3 ? 'ms' : 'µs'
  windows.forEach((one, index) => {
    const span = one.to - one.from
    const count = Math.max(2, Math.floor(one.width / 110))
    const [, step = span] = ticks(span, count)
    const first = Math.ceil(one.from / step - 1e-9) * step
    for (let at = first; at <= one.to + step * 1e-6; at += step) {
      const x = round(one.x + ((at - one.from) / span) * one.width)
      const label = `${Number((at / unit).toPrecision(6))}`
      parts.push(
        `<path class="g" d="M${x} ${bottom}v5"/><text x="${x}" y="${bottom + 19}" text-anchor="middle">${label}${at === first && index === 0 ? ` ${name}` : ''}</text>`,
      )
    }
    if (index > 0) {
      const x = round(one.x - 14)
      parts.push(
        `<path class="cut" d="M${x} ${bottom - 8}V${bottom - 60}"/><text x="${x}" y="${bottom + 5}" text-anchor="middle">…</text>`,
      )
    }
  })
  return parts.join('')
}
