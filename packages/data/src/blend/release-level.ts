/**
 * LLM-jp's corpus release levels: what a collected corpus may be used for.
 * @see Yusuke Oda, "LLM-jp-3 and beyond", NII, 2025-10-29, slide "Policy of corpus use"
 */

/** Uses that each level allows. LX may be used at test time only, LZ not at all. */
export const releaseLevels = {
  L1: { train: true, search: true, distribute: true },
  L2: { train: true, search: true, distribute: false },
  L3: { train: true, search: false, distribute: false },
  LX: { train: false, search: false, distribute: false },
  LZ: { train: false, search: false, distribute: false },
} as const

export type ReleaseLevel = keyof typeof releaseLevels

/**
 * Checks that a source may be used for training.
 * @throws RangeError that names the source, for a level that forbids training or is not one of the five
 */
export function assertTrainable(name: string, level: ReleaseLevel): void {
  if (!Object.hasOwn(releaseLevels, level)) {
    const known = Object.keys(releaseLevels)
    throw Object.assign(
      new RangeError(
        `source "${name}": release level must be one of ${known.join(', ')}, got ${JSON.stringify(level)}`,
      ),
      { given: String(level), known },
    )
  }
  if (!releaseLevels[level].train) {
    const rule = level === 'LX' ? 'no-train: test time only' : 'no-use'
    throw new RangeError(
      `source "${name}" has release level ${level} (${rule}); only L1, L2 and L3 allow training. Leave it out of the mix`,
    )
  }
}

/**
 * Checks that a source's level allows a use: `distribute`, publishing the texts (L1); `search`, a search index (L1,
 * L2).
 * @throws RangeError that names source, level and use
 * @example assertUse('news', 'L1', 'train')
 */
export function assertUse(name: string, level: ReleaseLevel, use: 'train' | 'search' | 'distribute'): void {
  if (use === 'train' || !Object.hasOwn(releaseLevels, level)) assertTrainable(name, level)
  else if (!releaseLevels[level][use]) {
    const allowed = Object.entries(releaseLevels).flatMap(([one, uses]) => (uses[use] ? [one] : []))
    throw new RangeError(
      `source "${name}" has release level ${level}, which does not allow the use "${use}"; only ${allowed.join(' and ')} do. Leave it out`,
    )
  }
}

/** The most restrictive of several levels, which is that of a mixture. @param levels at least one */
export function strictestLevel(levels: Iterable<ReleaseLevel>): ReleaseLevel {
  const order = Object.keys(releaseLevels) as ReleaseLevel[]
  let at = 0
  for (const level of levels) at = Math.max(at, order.indexOf(level))
  return order[at]
}
