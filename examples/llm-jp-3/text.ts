/** Formats numbers with units, and prints sections and fields. */

export const count = (n: number): string => Math.round(n).toLocaleString('en')
export const gibibytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(2)} GiB`
export const percent = (part: number): string => `${(100 * part).toFixed(1)} %`

/** Seconds in a readable unit. */
export function duration(seconds: number): string {
  if (seconds < 90) return `${seconds.toFixed(1)} s`
  if (seconds < 5400) return `${(seconds / 60).toFixed(0)} minutes`
  if (seconds < 172_800) return `${(seconds / 3600).toFixed(1)} hours`
  const days = seconds / 86_400
  return days < 730 ? `${days.toFixed(0)} days` : `${count(days / 365.25)} years`
}

export function section(title: string): void {
  console.log(`\n${title}`)
}

export function field(name: string, value: string): void {
  console.log(`  ${name.padEnd(24)} ${value}`)
}
