// The parts of the page: their props, default values and lazy loading.
import type { ComponentType } from 'preact'
import type { Values } from './state.ts'
import type { Language, Say } from './words.ts'

export interface PartProps {
  readonly say: Say
  /** Language of the charts. */
  readonly language: Language
  /** Values of the address, with the defaults for those that it does not hold. */
  readonly values: Values
  readonly change: (values: Values) => void
}

export interface Part {
  readonly defaults: Values
  readonly load: () => Promise<{ readonly default?: never; readonly Part: ComponentType<PartProps> }>
}

export const parts = {
  train: {
    defaults: {
      device: 'auto',
      schedule: 'wsd',
      rate: '3e-3',
      epsilon: '1e-8',
      precision: 'f32',
      steps: '200',
      prompt: 'The type of',
      temperature: '0.8',
    },
    load: () => import('./parts/train.tsx'),
  },
  tokenize: {
    defaults: { text: '組木は釘を使わない。Joinery holds without nails.' },
    load: () => import('./parts/tokenize.tsx'),
  },
  numbers: {
    defaults: { number: '0.1', scale: '0', rounding: 'nearest', seed: '1' },
    load: () => import('./parts/numbers.tsx'),
  },
  plan: {
    defaults: {
      model: 'llm-jp-3-13b',
      gpu: 'H100',
      nodes: '16',
      perNode: '8',
      batch: '1024',
      length: '4096',
      chosen: '1',
    },
    load: () => import('./parts/plan.tsx'),
  },
  ablate: {
    defaults: {
      factors: 'StackV2, LessFineWeb, MegaMath, Laboro, FinePDFs',
      runs: '8',
      scores: '0.371, 0.373, 0.369, 0.375, 0.431, 0.433, 0.428, 0.435',
    },
    load: () => import('./parts/ablate.tsx'),
  },
} as const satisfies Record<string, Part>

export type PartName = keyof typeof parts
