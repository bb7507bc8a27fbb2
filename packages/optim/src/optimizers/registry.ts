// The optimizers by name.

import { adafactor } from './adafactor.ts'
import { adam } from './adam.ts'
import { adamw } from './adamw.ts'
import { lion } from './lion.ts'
import { muon } from './muon.ts'
import type { Optimizer } from './optimizer.ts'
import { sgd } from './sgd.ts'

const adamOptions = ['beta1', 'beta2', 'epsilon', 'weightDecay', 'momentDtype']

/** Every optimizer by name, and the options that JSON can give: all but the functions `mask` and `shapeOf`. */
export const optimizerTable: Readonly<
  Record<string, readonly [make: (options?: any) => Optimizer, jsonOptions: readonly string[]]>
> = {
  adafactor: [adafactor, ['beta2Decay', 'epsilon1', 'epsilon2', 'clippingThreshold', 'weightDecay']],
  adam: [adam, adamOptions],
  adamw: [adamw, adamOptions],
  lion: [lion, ['beta1', 'beta2', 'weightDecay', 'momentDtype']],
  muon: [muon, ['momentum', 'nesterov', 'weightDecay', 'newtonSchulzSteps', 'coefficients', 'epsilon', 'scaling']],
  sgd: [sgd, ['momentum', 'nesterov', 'weightDecay', 'momentDtype']],
}

/** Every optimizer by the name that configuration files use; each takes its options. */
export const optimizers: Readonly<Record<string, (options?: any) => Optimizer>> = /* @__PURE__ */ Object.fromEntries(
  /* @__PURE__ */ Object.entries(optimizerTable).map(([name, [make]]) => [name, make]),
)
