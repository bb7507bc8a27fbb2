/**
 * Timeline of one pipeline step: one row per stage, one box per pass. The boxes are written here and not by Plot: a
 * step has thousands of them, and one path for all boxes of a colour takes a tenth of the bytes of as many rectangles.
 */
import { ticks } from 'd3-array'
import {
  at,
  boxShape,
  checkSize,
  type DrawOptions,
  fontSize,
  frame,
  headingOf,
  type Key,
  legend,
} from '../svg/frame.ts'
import { round } from '../svg/serialize.ts'
import { textElement } from '../svg/text-element.ts'
import { escapeText } from '../text/escape.ts'
import { seconds } from '../text/numbers.ts'
import { textWidth } from '../text/width.ts'

const kinds = ['forward', 'backward', 'weight'] as const

/** The forward, backward or weight-gradient pass of one micro-batch in one chunk of one stage. */
export interface TimelinePass {
  readonly stage: number
  /** Model chunk of the stage, from 0; above 0 only in interleaved schedules. */
  readonly chunk: number
  readonly microBatch: number
  readonly kind: (typeof kinds)[number]
  /** Seconds. */
  readonly start: number
  readonly end: number
}

/** A simulated step, as `simulatePipeline` and `simulate` of @kumiki/planner return it. */
export interface Timeline {
  /** Name of the schedule, such as '1f1b'. */
  readonly schedule: string
  readonly passes: readonly TimelinePass[]
  /** Busy seconds of each stage. */
  readonly busy: readonly number[]
  readonly seconds: number
  /** Idle time over busy time. */
  readonly bubbleOverWork: number
}

export interface TimelineOptions extends Omit<DrawOptions, 'height' | 'document'> {
  /** Default: schedule, stages and bubble. */
  readonly title?: string
  /** Blocks after the pipeline, such as the gradient exchange and the optimizer. */
  readonly after?: readonly { readonly label: string; readonly seconds: number }[]
}

const paints = { forward: '#3b6fd4', backward: '#d9731f', weight: '#2b8a66', after: '#8a8f98' } as const
const words = {
  en: {
    forward: 'forward',
    backward: 'backward',
    weight: 'gradients of weights',
    waiting: 'waiting',
    stage: (stage: number) => `stage ${stage}`,
    chunks: (chunks: number) => `first to last of ${chunks} chunks`,
    bubble: (share: string) => `${share} of the work`,
    title: (schedule: string, stages: number, bubble: string) =>
      `${schedule}, ${stages} stage${stages > 1 ? 's' : ''}: bubble ${bubble}`,
    description: (stages: number, end: string, bubble: string) =>
      `Timeline of a pipeline of ${stages} stage${stages > 1 ? 's' : ''}, ${end} a step; idle time is ${bubble}.`,
  },
  ja: {
    forward: '順伝播',
    backward: '逆伝播',
    weight: '重みの勾配',
    waiting: '待ち',
    stage: (stage: number) => `ステージ ${stage}`,
    chunks: (chunks: number) => `${chunks} 個のチャンクの最初から最後`,
    bubble: (share: string) => `計算時間の ${share}`,
    title: (schedule: string, stages: number, bubble: string) => `${schedule}、${stages} ステージ: バブルは${bubble}`,
    description: (stages: number, end: string, bubble: string) =>
      `${stages} ステージのパイプラインの時間図。1 ステップ ${end}、待ち時間は${bubble}。`,
  },
} as const
type Words = (typeof words)[keyof typeof words]

const scheduleNames: Readonly<Record<string, string>> = {
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
 * Draws a simulated step: colours for forward, backward and weight gradients, paler for later chunks, with the number
 * of the micro-batch (from 1) where there is room; a legend above and a time axis below. Of a step with too many passes
 * for the width, only the start and the end are drawn.
 * @returns the text of one self-contained SVG element
 * @throws RangeError for a width under 240 or over 10,000
 * @example timelineChart(timeline).startsWith('<svg') // true
 */
export function timelineChart(timeline: Timeline, options: TimelineOptions = {}): string {
  const { width = 1040, heading = true } = options
  checkSize('timelineChart', width)
  const say = words[options.language ?? 'en']
  const stages = timeline.busy.length
  const after = (options.after ?? []).filter((block) => block.seconds > 0)
  const end = timeline.seconds + after.reduce((sum, block) => sum + block.seconds, 0)
  const row = stages <= 8 ? 26 : stages <= 24 ? 18 : 10
  const gap = row > 12 ? 3 : 1
  const chunks = 1 + timeline.passes.reduce((most, { chunk }) => Math.max(most, chunk), 0)
  const used = kinds.filter((kind) => timeline.passes.some((pass) => pass.kind === kind))
  const left = stages > 24 ? 34 : Math.max(62, 12 + textWidth(say.stage(stages - 1), fontSize))
  const right = width - 14
  const bubble = say.bubble(`${(100 * timeline.bubbleOverWork).toFixed(1)} %`)
  const title = options.title ?? say.title(scheduleNames[timeline.schedule] ?? timeline.schedule, stages, bubble)
  const head = headingOf(title, width, heading)
  const headed = head.height
  const legended = legend(keysOf(used, chunks, after, say), 4, width, options.language ?? 'en')
  const top = headed + legended.height + 4
  const bottom = top + stages * (row + gap)
  const windows = windowsOf(timeline, end, left, right)
  const y = (stage: number) => top + stage * (row + gap)
  const parts: string[] = []
  for (let stage = 0; stage < stages; stage++) {
    for (const one of windows)
      parts.push(
        `<rect fill-opacity="0.09" x="${round(one.x)}" y="${y(stage)}" width="${round(one.width)}" height="${row}"/>`,
      )
    if (row > 12 || stage % 4 === 0)
      parts.push(textElement(left - 8, y(stage) + row / 2 + 4, stages <= 24 ? say.stage(stage) : String(stage), 'end'))
  }
  for (const one of windows) parts.push(boxes(timeline.passes, one, used, chunks, row, y))
  let start = timeline.seconds
  for (const block of after) {
    for (const one of windows) {
      const box = clip(start, start + block.seconds, one)
      if (box)
        parts.push(
          `<rect fill="${paints.after}" x="${round(box.x)}" y="${top}" width="${round(Math.max(0.5, box.width))}" height="${bottom - top - gap}"><title>${escapeText(`${block.label}: ${seconds(block.seconds)}`)}</title></rect>`,
        )
    }
    start += block.seconds
  }
  parts.push(axis(windows, bottom, end))
  return frame({
    title,
    description: say.description(stages, seconds(end), bubble),
    width,
    height: bottom + 30,
    body: [head.body, at(0, headed, legended.body), ...parts].join(''),
  })
}

/** The ranges of time to draw: the whole step, or its start and its end where boxes would be too thin. */
function windowsOf(timeline: Timeline, end: number, left: number, right: number): Window[] {
  const stages = timeline.busy.length
  const perStage = timeline.passes.length / stages
  const room = right - left
  // Boxes narrower than 7 pixels cannot be distinguished from their neighbours.
  if (perStage * 7 <= room) return [{ from: 0, to: end, x: left, width: room }]
  const shown = Math.max(Math.floor(room / 9), Math.min(4 * stages, Math.floor(room / 5)))
  const part = Math.min(0.45, shown / perStage / 2) * end
  const width = (room - 28) / 2
  return [
    { from: 0, to: part, x: left, width },
    { from: end - part, to: end, x: left + width + 28, width },
  ]
}

function clip(start: number, end: number, { from, to, x, width }: Window): { x: number; width: number } | undefined {
  const [a, b] = [Math.max(start, from), Math.min(end, to)]
  if (!(b > a)) return undefined
  const scale = width / (to - from)
  return { x: x + (a - from) * scale, width: (b - a) * scale }
}

function boxes(
  passes: readonly TimelinePass[],
  window: Window,
  used: readonly TimelinePass['kind'][],
  chunks: number,
  row: number,
  y: (stage: number) => number,
): string {
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
    if (row >= 16 && w > textWidth(label, 10.5) + 3)
      numbers.push(`<text x="${round(x + w / 2)}" y="${y(stage) + row / 2 + 4}">${label}</text>`)
  }
  const drawn: string[] = []
  for (const kind of used) {
    for (let chunk = 0; chunk < chunks; chunk++) {
      const d = paths.get(`${kind} ${chunk}`)?.join('')
      if (d === undefined) continue
      drawn.push(
        `<path fill="${paints[kind]}" fill-opacity="${shade(chunk, chunks)}" stroke="Canvas" stroke-width="0.7" d="${d}"/>`,
      )
    }
  }
  return `${drawn.join('')}<g font-size="10.5" fill="#fff" text-anchor="middle">${numbers.join('')}</g>`
}

function shade(chunk: number, chunks: number): number {
  return chunks === 1 ? 1 : Math.round(100 * (1 - (0.36 * chunk) / (chunks - 1))) / 100
}

function keysOf(
  used: readonly TimelinePass['kind'][],
  chunks: number,
  after: readonly { readonly label: string }[],
  say: Words,
) {
  const keys: Key[] = used.map((kind) => ({ shape: boxShape(paints[kind]), label: say[kind] }))
  if (chunks > 1) {
    const half = (x: number, chunk: number) =>
      `<rect x="${x}" width="7" height="10" fill="${paints.forward}" fill-opacity="${shade(chunk, chunks)}"/>`
    keys.push({ shape: half(2, 0) + half(9, chunks - 1), label: say.chunks(chunks) })
  }
  if (after.length > 0) keys.push({ shape: boxShape(paints.after), label: after.map(({ label }) => label).join(', ') })
  keys.push({ shape: boxShape('currentColor', 0.09), label: say.waiting })
  return keys
}

function axis(windows: readonly Window[], bottom: number, end: number): string {
  const unit = end < 1e-3 ? 1e-6 : end < 1 ? 1e-3 : 1
  const name = unit === 1 ? 's' : unit === 1e-3 ? 'ms' : 'µs'
  return windows
    .map((one, index) => {
      const { from, to, x, width } = one
      const marks = ticks(from / unit, to / unit, Math.max(2, width / 110)).map((mark, i) => {
        const at = round(x + ((mark * unit - from) / (to - from)) * width)
        const label = `${Number(mark.toPrecision(6))}${i === 0 && index === 0 ? ` ${name}` : ''}`
        return `<path d="M${at} ${bottom}v5" stroke="currentColor" stroke-opacity="0.4"/>${textElement(at, bottom + 19, label, 'middle')}`
      })
      const cut = index > 0 ? textElement(x - 14, bottom - 2, '…', 'middle', { size: 16 }) : ''
      return marks.join('') + cut
    })
    .join('')
}
