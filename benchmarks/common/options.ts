/** Options on the command lines of the benchmarks. */

/** @throws RangeError that names the option */
export function countOf(option: string, text: string): number {
  const count = Number(text)
  if (!Number.isInteger(count) || count < 1)
    throw new RangeError(`--${option}: expected an integer of at least 1, got ${text}`)
  return count
}

export type BackendName = 'cpu' | 'webgpu'

/** @param text names separated by commas @throws RangeError for a name that is no backend */
export function backendsOf(text: string): BackendName[] {
  return text.split(',').map((name) => {
    if (name !== 'cpu' && name !== 'webgpu')
      throw new RangeError(`--backends: expected cpu, webgpu or both separated by a comma, got ${name}`)
    return name
  })
}
