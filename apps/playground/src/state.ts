// What stands in the address: `#part=plan&model=llm-jp-3-13b`. A link shows what one saw.

export type Values = Readonly<Record<string, string>>

/** What an address says: after `#`, or (for links such as `?lang=ja`) after `?`. Values longer than 4,000 characters are left out. */
export function readState(address: { readonly hash: string; readonly search: string }): Values {
  const found: Record<string, string> = {}
  for (const text of [address.search.slice(1), address.hash.slice(1)])
    for (const [key, value] of new URLSearchParams(text))
      if (/^[a-z][\w-]{0,30}$/i.test(key) && value.length <= 4000) found[key] = value
  return found
}

/** The address of values; those that are as by default, or empty, are left out. */
export function writeState(values: Values, defaults: Values): string {
  const kept = Object.entries(values).filter(([key, value]) => value !== '' && value !== defaults[key])
  return `#${new URLSearchParams(kept)}`
}

/** A whole or real number out of text, within bounds; the default where there is none. */
export function numberFrom(text: string | undefined, fallback: number, low: number, high: number): number {
  const value = text === undefined || text.trim() === '' ? Number.NaN : Number(text)
  return Number.isFinite(value) ? Math.min(high, Math.max(low, value)) : fallback
}
