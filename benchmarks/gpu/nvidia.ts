/** What nvidia-smi says, where there is one. */
import { execFileSync } from 'node:child_process'

/** @param query names of `nvidia-smi --help-query-gpu`, separated by commas @returns the first GPU's values by name */
export function nvidia(query: string): Record<string, string> {
  try {
    const options = [`--query-gpu=${query}`, '--format=csv,noheader,nounits']
    const text = execFileSync('nvidia-smi', options, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 10_000,
    })
    const values = text.split('\n')[0].split(',')
    return Object.fromEntries(query.split(',').map((name, i) => [name.replaceAll('.', '_'), values[i].trim()]))
  } catch {
    return {}
  }
}

/** Bytes in use on the first GPU, by all processes. */
export function nvidiaBytes(): number | undefined {
  const mebibytes = Number(nvidia('memory.used').memory_used)
  return Number.isFinite(mebibytes) ? mebibytes * 2 ** 20 : undefined
}
