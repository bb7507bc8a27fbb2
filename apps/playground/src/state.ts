// State of the page in its address, such as `#part=plan&model=llm-jp-3-13b`, so that a link reproduces what is shown.

export type Values = Readonly<Record<string, string>>

/**
 * The values of an address: after `?` (as in `?lang=ja`) and after `#`, which takes precedence. Values longer than
 * 4,000 characters are dropped.
 */
export function readState(address: { readonly hash: string; readonly search: string }): Values {
  const found: Record<string, string> = {}
  for (const text of [address.search.slice(1), address.hash.slice(1)])
    for (const [key, value] of new URLSearchParams(text))
      if (/^[a-z][\w-]{0,30}$/i.test(key) && value.length <= 4000) found[key] = value
  return found
}

/** The fragment (`#...`) for values; those that equal their default, or are empty, are left out. */
export function writeState(values: Values, defaults: Values): string {
  const kept = Object.entries(values).filter(([key, value]) => value !== '' && value !== defaults[key])
  return `#${new URLSearchParams(kept)}`
}

/** Parses a number and clamps it to `low` and `high`; `fallback` where the text is not a finite number. */
export function numberFrom(text: string | undefined, fallback: number, low: number, high: number): number {
  const value = text === undefined || text.trim() === '' ? Number.NaN : Number(text)
  return Number.isFinite(value) ? Math.min(high, Math.max(low, value)) : fallback
}
