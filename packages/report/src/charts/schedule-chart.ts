/** Learning-rate schedules as lines over steps. */
import type { DrawOptions } from '../svg/frame.ts'
import { lineChart } from './line-chart.ts'

const words = {
  en: { title: 'Learning rate', step: 'step', learningRate: 'learning rate' },
  ja: { title: '学習率', step: 'ステップ', learningRate: '学習率' },
} as const

export interface ScheduleChartOptions extends DrawOptions {
  /** Last step drawn. */
  readonly steps: number
  /** First step drawn. Default 0. */
  readonly from?: number
  /** Default: the names, or "Learning rate". */
  readonly title?: string
  /** Default "learning rate". */
  readonly yLabel?: string
}

/**
 * Schedules as a line chart, evaluated at every step, or once per pixel of width where there are more steps than
 * pixels.
 * @param schedules one function from step to learning rate, or several by name
 * @returns the text of one self-contained SVG element
 * @throws RangeError where the steps or sizes are out of range, there is no schedule, or a value is not finite
 * @throws TypeError where a schedule is not a function
 * @example scheduleChart({ stable, branch }, { steps: 100_000, title: 'A stable run and a branch' })
 */
export function scheduleChart(
  schedules: ((step: number) => number) | Readonly<Record<string, (step: number) => number>>,
  options: ScheduleChartOptions,
): string {
  const { steps, from = 0, width = 720, height = 360 } = options
  const say = words[options.language ?? 'en']
  const yLabel = options.yLabel ?? say.learningRate
  if (!(Number.isSafeInteger(from) && from >= 0))
    throw new RangeError(`scheduleChart: from must be an integer of at least 0, got ${from}`)
  if (!(Number.isSafeInteger(steps) && steps > from))
    throw new RangeError(`scheduleChart: steps must be an integer of at least ${from + 1}, got ${steps}`)
  const named = typeof schedules === 'function' ? [['', schedules] as const] : Object.entries(schedules)
  if (named.length === 0) throw new RangeError('scheduleChart: at least one schedule is needed, got none')
  const count = Math.min(Math.max(2, Math.floor(width)), steps - from)
  const lines = named.map(([label, schedule]) => {
    const name = label || 'schedule'
    if (typeof schedule !== 'function')
      throw new TypeError(
        `scheduleChart: ${name} must be a function from step to learning rate, got ${typeof schedule}`,
      )
    const points = Array.from({ length: count + 1 }, (_, i) => {
      const step = Math.round(from + ((steps - from) * i) / count)
      const value = schedule(step)
      if (!Number.isFinite(value))
        throw new RangeError(`scheduleChart: ${name} must be finite at every step drawn, got ${value} at step ${step}`)
      return [step, value] as const
    })
    return { label, points }
  })
  const names = named.map(([name]) => name).filter(Boolean)
  const title = options.title ?? (names.join(', ') || say.title)
  const heading = options.heading ?? options.title !== undefined
  return lineChart({ title, xLabel: say.step, yLabel, lines, fromZero: true }, { ...options, width, height, heading })
}
