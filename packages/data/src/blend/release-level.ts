/**
 * LLM-jp's corpus release levels: what a collected corpus may be used for.
 * @see Yusuke Oda, "LLM-jp-3 and beyond", NII, 2025-10-29, slide "Policy of corpus use"
 */

/** What each level allows. LX may be used at test time only, LZ not at all. */
export const releaseLevels = {
  L1: { train: true, search: true, distribute: true },
  L2: { train: true, search: true, distribute: false },
  L3: { train: true, search: false, distribute: false },
  LX: { train: false, search: false, distribute: false },
  LZ: { train: false, search: false, distribute: false },
} as const

export type ReleaseLevel = keyof typeof releaseLevels

/**
 * Checks that a source may be trained on.
 * @throws RangeError naming the source, for a level that does not allow training or is not one of the five
 */
export function assertTrainable(name: string, level: ReleaseLevel): void {
  if (!Object.hasOwn(releaseLevels, level)) {
    throw new RangeError(
      `source "${name}": release level must be one of ${Object.keys(releaseLevels).join(', ')}, got ${JSON.stringify(level)}`,
    )
  }
  if (!releaseLevels[level].train) {
    const rule = level === 'LX' ? 'no-train: test time only' : 'no-use'
    throw new RangeError(
      `source "${name}" has release level ${level} (${rule}); only L1, L2 and L3 may train. Leave it out of the mix`,
    )
  }
}

/**
 * Checks that a source may be put to a use: publishing texts needs `distribute` (L1), an index for search `search` (L1, L2).
 * @throws RangeError naming source, level and use
 * @example assertUse('news', 'L1', 'train')
 */
export function assertUse(name: string, level: ReleaseLevel, use: 'train' | 'search' | 'distribute'): void {
  if (use === 'train' || !Object.hasOwn(releaseLevels, level)) assertTrainable(name, level)
  else if (!releaseLevels[level][use]) {
    const allowed = Object.entries(releaseLevels).flatMap(([one, uses]) => (uses[use] ? [one] : []))
    throw new RangeError(
      `source "${name}" has release level ${level}, which does not allow to ${use}; only ${allowed.join(' and ')} do. Leave it out`,
    )
  }
}

/** The level that allows least of several: the one a mixture has. @param levels at least one */
export function strictestLevel(levels: Iterable<ReleaseLevel>): ReleaseLevel {
  const order = Object.keys(releaseLevels) as ReleaseLevel[]
  let at = 0
  for (const level of levels) at = Math.max(at, order.indexOf(level))
  return order[at]
}
