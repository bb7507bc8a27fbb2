/** Estimated memory of a training step by part, against the peak of the compiled program. */
import type { DrawOptions } from '../svg/frame.ts'
import { barsChart } from './bars-chart.ts'

/** Bytes of one model, as `estimateLocalMemory` of @kumiki/planner and `memory()` of a compiled program return them. */
export interface MeasuredMemory {
  readonly label: string
  readonly estimated: {
    readonly weights: number
    readonly optimizer: number
    readonly inputs: number
    readonly gradients: number
    readonly activations: number
    readonly logits: number
    readonly working: number
    readonly unshared: number
    readonly total: number
  }
  /** The compiled program's peak. */
  readonly peakBytes: number
}

const words = {
  en: {
    title: 'Peak memory of a step: formulas, in percent of the compiled program',
    compiled: 'compiled',
    note: (estimated: string, peak: string) => `${estimated} of ${peak} MB`,
    parts: {
      weights: 'weights',
      optimizer: 'optimizer',
      inputs: 'inputs',
      gradients: 'gradients',
      activations: 'activations',
      logits: 'logits',
      working: 'gradients of activations',
      unshared: 'space of no use to others',
    },
  },
  ja: {
    title: '1 ステップのピークメモリ: 計算式の値、コンパイルしたプログラムに対する %',
    compiled: 'コンパイル後',
    note: (estimated: string, peak: string) => `${estimated} / ${peak} MB`,
    parts: {
      weights: '重み',
      optimizer: '最適化手法の状態',
      inputs: '入力',
      gradients: '勾配',
      activations: '活性値',
      logits: 'ロジット',
      working: '活性値の勾配',
      unshared: '再利用されない領域',
    },
  },
} as const

/**
 * Bars in percent of the compiled program's peak, so that models of different sizes share one axis; the line at 100 %
 * is that peak.
 * @returns the text of one self-contained SVG element
 * @throws RangeError for a width out of range
 * @example
 * const state = { weights: 4, optimizer: 8, inputs: 1 }
 * const parts = { ...state, gradients: 4, activations: 6, logits: 2, working: 1, unshared: 0, total: 26 }
 * memoryChart([{ label: 'bf16', estimated: parts, peakBytes: 25 }]).startsWith('<svg') // true
 */
export function memoryChart(
  measured: readonly MeasuredMemory[],
  options: Omit<DrawOptions, 'height'> & { readonly title?: string } = {},
): string {
  const say = words[options.language ?? 'en']
  const { title = say.title } = options
  const parts = Object.entries(say.parts) as [keyof typeof say.parts, string][]
  return barsChart(
    {
      title,
      parts: parts.map(([, name]) => name),
      bars: measured.map(({ label, estimated, peakBytes }) => ({
        label,
        values: parts.map(([part]) => (100 * estimated[part]) / peakBytes),
        note: say.note(megabytes(estimated.total), megabytes(peakBytes)),
      })),
      limits: measured.length > 0 ? [{ value: 100, label: say.compiled }] : [],
      tick: (value) => `${Number(value.toPrecision(3))} %`,
    },
    options,
  )
}

const megabytes = (bytes: number) => (bytes / 1e6).toLocaleString('en-US', { maximumFractionDigits: 0 })
