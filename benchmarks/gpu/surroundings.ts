/** The adapter as it is: opened with the features that Dawn keeps behind a switch, and everything that is known of it. */

/** Subgroup matrices are not final in WebGPU, and float16 is off on NVIDIA's Vulkan driver unless asked for. */
const flags = [
  'enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia',
  'disable-dawn-features=timestamp_quantization',
]

/** Dawn ends the process when what create() returned is collected while it is used. */
const held: GPU[] = []

export interface Surroundings {
  readonly gpu: GPU
  readonly adapter: string
  readonly limits: Readonly<Record<string, number>>
  readonly features: readonly string[]
  readonly subgroupSizes: readonly (number | undefined)[]
  readonly subgroupMatrixConfigs: readonly unknown[]
}

/** @throws Error if there is no adapter */
export async function openAdapter(): Promise<Surroundings> {
  const { create, globals } = await import('webgpu')
  Object.assign(globalThis, globals)
  const gpu = create(flags)
  held.push(gpu)
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
  if (!adapter) throw new Error('there is no WebGPU adapter')
  const { info, features } = adapter
  const limits: Record<string, number> = {}
  for (const name in adapter.limits) {
    // What has to do with pictures decides nothing here.
    if (/texture|vertex|fragment|sampler|color|interstage/i.test(name)) continue
    const value = (adapter.limits as unknown as Record<string, unknown>)[name]
    if (typeof value === 'number') limits[name] = value
  }
  const configs = (info as { subgroupMatrixConfigs?: readonly object[] }).subgroupMatrixConfigs ?? []
  return {
    gpu,
    adapter: [info.vendor, info.architecture, info.device, info.description].filter(Boolean).join(' '),
    limits,
    features: [...features].sort(),
    subgroupSizes: [info.subgroupMinSize, info.subgroupMaxSize],
    subgroupMatrixConfigs: configs.map((config) => plain(config)),
  }
}

/** Objects of Dawn have getters alone. */
function plain(config: object): Record<string, unknown> {
  const values: Record<string, unknown> = {}
  for (const name in config) values[name] = (config as Record<string, unknown>)[name]
  return values
}
