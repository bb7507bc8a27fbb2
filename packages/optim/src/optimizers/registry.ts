// The optimizers by name.

import { adafactor } from './adafactor.ts'
import { adam } from './adam.ts'
import { adamw } from './adamw.ts'
import { lion } from './lion.ts'
import { muon } from './muon.ts'
import type { Optimizer } from './optimizer.ts'
import { sgd } from './sgd.ts'

/** Every optimizer by the name a configuration file uses; each takes its options. */
export const optimizers: Readonly<Record<string, (options?: any) => Optimizer>> = {
  adafactor,
  adam,
  adamw,
  lion,
  muon,
  sgd,
}
