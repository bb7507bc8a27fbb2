/** @throws RangeError that names the option */
export function countOf(option: string, text: string): number {
  const count = Number(text)
  if (!Number.isInteger(count) || count < 1)
    throw new RangeError(`--${option}: expected a whole number of at least 1, got ${text}`)
  return count
}

export type BackendName = 'cpu' | 'webgpu'

/** @throws RangeError for a name that is no backend */
export function backendsOf(text: string): BackendName[] {
  return text.split(',').map((name) => {
    if (name !== 'cpu' && name !== 'webgpu')
      throw new RangeError(`--backends: no backend is called ${name}; cpu, webgpu`)
    return name
  })
}
