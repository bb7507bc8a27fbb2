/** A histogram of the binary exponents of values, with the exponent ranges of number formats below it. */
import { axisX, axisY, barX, gridY, rectY } from '@observablehq/plot'
import { colors } from '../svg/colors.ts'
import {
  at,
  boxShape,
  checkSize,
  type DrawOptions,
  fontSize,
  frame,
  headingOf,
  type Language,
  legend,
} from '../svg/frame.ts'
import { drawPlot } from '../svg/plot.ts'
import { textElement } from '../svg/text-element.ts'
import { linearTicks } from '../svg/ticks.ts'
import { fitted, textWidth } from '../text/width.ts'

/** How many values have each binary exponent, as `exponentHistogram` of @kumiki/numerics counts them. */
export interface ExponentCounts {
  /** Number of values, zeros and non-finite ones included. */
  readonly count: number
  /** counts[i] values v have floor(log2 |v|) = firstExponent + i. */
  readonly firstExponent: number
  readonly counts: ArrayLike<number>
  readonly zeros: number
  readonly infinities: number
  readonly nans: number
}

/** The range of a format, as `finfo` of @kumiki/numerics returns it. */
export interface FormatRange {
  readonly name: string
  readonly smallestSubnormal: number
  readonly smallestNormal: number
  readonly max: number
}

export interface HistogramChartOptions extends Omit<DrawOptions, 'height'> {
  /** Formats whose range is drawn below the bars. */
  readonly formats?: readonly FormatRange[]
  /**
   * Quantization scale: values are multiplied by it before they are rounded to a format, so the ranges of the formats
   * are drawn divided by it. Finite and above 0; default 1.
   */
  readonly scale?: number
  /** Default 'Exponents'. */
  readonly title?: string
}

const words = {
  en: {
    title: 'Exponents',
    normal: 'full precision',
    subnormal: 'subnormal: fewer bits',
    values: (count: string) => `${count} values`,
    zero: 'zero',
    infinite: 'infinite',
    scaled: (scale: number) => `formats at scale ${scale}`,
    exponents: (first: number, last: number) => `exponents from ${first} to ${last}`,
  },
  ja: {
    title: '指数',
    normal: '正規数 (本来の精度)',
    subnormal: '非正規化数 (ビットが減る)',
    values: (count: string) => `${count} 個の値`,
    zero: 'が 0',
    infinite: 'が無限大',
    scaled: (scale: number) => `形式の範囲はスケール ${scale}`,
    exponents: (first: number, last: number) => `指数は ${first} から ${last}`,
  },
} as const

const plotHeight = 220
const row = 24
const paint = colors[0]
const covered = '#2b8a66'

/**
 * The percentage of values in each binade, and for each format the binades of its normal numbers and, paler, of its
 * subnormal numbers, which have fewer bits. Values left of a format's bar underflow to zero, values right of it
 * saturate.
 * @returns the text of one self-contained SVG element
 * @throws RangeError where scale or width is out of range
 * @example histogramChart(exponentHistogram(values), { formats: [finfo('float8_e4m3fn'), finfo('bfloat16')] })
 */
export function histogramChart(histogram: ExponentCounts, options: HistogramChartOptions = {}): string {
  const { formats = [], scale = 1, width = 760, heading = true, document, language = 'en' } = options
  const say = words[language]
  const title = options.title ?? say.title
  checkSize('histogramChart', width)
  if (!(scale > 0 && scale < Number.POSITIVE_INFINITY))
    throw new RangeError(`histogramChart: scale must be finite and greater than 0, got ${scale}`)
  const rows = formats.map((format) => rangeOf(format, scale))
  const [low, high] = extent(histogram, rows)
  const head = headingOf(title, width, heading)
  const headed = head.height
  const keys =
    rows.length > 0
      ? [
          { shape: boxShape(covered), label: say.normal },
          { shape: boxShape(covered, 0.4), label: say.subnormal },
        ]
      : []
  const note = fitted(summary(histogram, scale, language), fontSize, width - 8)
  const legended = legend(keys, 4, width, language)
  const top = headed + 20 + legended.height + 12
  const left = Math.min(0.34 * width, Math.max(44, 14 + Math.max(0, ...rows.map((r) => textWidth(r.name, fontSize)))))
  const right = 16
  const shares = Array.from(histogram.counts, (count, i) => {
    const exponent = histogram.firstExponent + i
    const share = count / Math.max(1, histogram.count)
    return { from: exponent, to: exponent + 1, share, name: `2^${exponent}: ${count} (${percent(share)})` }
  }).filter(({ share }) => share > 0)
  const most = Math.max(0, ...shares.map(({ share }) => share)) || 1
  const step = [1, 2, 4, 8, 16, 32, 64].find((s) => (high - low) / s <= (width - left) / 46) ?? 64
  const exponents = Array.from(
    { length: Math.floor(high / step) - Math.ceil(low / step) + 1 },
    (_, i) => (Math.ceil(low / step) + i) * step,
  )
  const shared = { width, marginLeft: left, marginRight: right, x: { domain: [low, high] } }
  const yTicks = linearTicks(0, most, 4)
  const bars = drawPlot(
    {
      ...shared,
      height: plotHeight + 34,
      marginTop: 8,
      marginBottom: 26,
      y: { domain: [0, most] },
      marks: [
        gridY({ ticks: yTicks, strokeOpacity: 0.15 }),
        axisY({ ticks: yTicks, tickFormat: percent, tickSize: 0, tickPadding: 6, label: null, fontSize }),
        axisX({ ticks: exponents, tickFormat: powerOfTwo, tickSize: 4, label: null, fontSize }),
        rectY(shares, { x1: 'from', x2: 'to', y: 'share', fill: paint, inset: 0.5, title: 'name' }),
      ],
    },
    document,
  )
  const bands = rows.flatMap(({ name, subnormal, normal, end }) => [
    { name, from: subnormal, to: normal, opacity: 0.4 },
    { name, from: normal, to: end, opacity: 1 },
  ])
  const inside = (e: number) => Math.min(Math.max(e, low), high)
  const ranges =
    rows.length === 0
      ? ''
      : drawPlot(
          {
            ...shared,
            x: { ...shared.x, axis: null },
            height: rows.length * row,
            marginTop: 0,
            marginBottom: 0,
            y: { type: 'band', domain: rows.map(({ name }) => name), padding: 0, axis: null },
            marks: [
              barX(
                bands.map((b) => ({ ...b, from: inside(b.from), to: inside(b.to) })).filter((b) => b.to > b.from),
                {
                  y: 'name',
                  x1: 'from',
                  x2: 'to',
                  fill: covered,
                  fillOpacity: 'opacity',
                  insetTop: 5,
                  insetBottom: 5,
                },
              ),
            ],
          },
          document,
        )
  const under = top + plotHeight + 34
  return frame({
    title,
    description: `${summary(histogram, scale, language)}; ${say.exponents(histogram.firstExponent, histogram.firstExponent + Math.max(0, histogram.counts.length - 1))}.`,
    width,
    height: under + rows.length * row + 10,
    body: [
      head.body,
      textElement(4, headed + 12, note, 'start', { soft: true }),
      at(0, headed + 22, legended.body),
      at(0, top, bars),
      at(0, under, ranges),
      ...rows.map(({ name }, i) =>
        textElement(left - 8, under + i * row + 16, fitted(name, fontSize, left - 12), 'end'),
      ),
    ].join(''),
  })
}

interface Range {
  readonly name: string
  /** log2 of the smallest subnormal, the smallest normal and the maximum, each divided by the scale. */
  readonly subnormal: number
  readonly normal: number
  readonly end: number
}

function rangeOf({ name, smallestSubnormal, smallestNormal, max }: FormatRange, scale: number): Range {
  const log = (value: number) => Math.log2(value) - Math.log2(scale)
  return { name, subnormal: log(smallestSubnormal), normal: log(smallestNormal), end: log(max) }
}

/** The exponents of the horizontal axis: the values' binades, and the formats' ranges within 12 binades of them. */
function extent({ firstExponent, counts }: ExponentCounts, rows: readonly Range[]): [number, number] {
  const end = firstExponent + Math.max(counts.length, 1)
  const near = rows
    .flatMap((r) => [r.subnormal, r.end])
    .filter(Number.isFinite)
    .map((e) => Math.min(Math.max(e, firstExponent - 12), end + 12))
  return [Math.floor(Math.min(firstExponent - 1, ...near)), Math.ceil(Math.max(end + 1, ...near))]
}

function summary(h: ExponentCounts, scale: number, language: Language): string {
  const say = words[language]
  const parts = [say.values(h.count.toLocaleString('en-US'))]
  for (const [n, name] of [
    [h.zeros, say.zero],
    [h.infinities, say.infinite],
    [h.nans, 'NaN'],
  ] as const)
    if (n > 0) parts.push(`${percent(n / h.count)} ${name}`)
  if (scale !== 1) parts.push(say.scaled(Number(scale.toPrecision(4))))
  return parts.join(language === 'ja' ? '、' : ', ')
}

const percent = (fraction: number) => `${Number((100 * fraction).toPrecision(3))}%`

/** 2⁻⁶ */
const powerOfTwo = (exponent: number) =>
  `2${[...String(exponent)].map((c) => (c === '-' ? '⁻' : '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(c)])).join('')}`
