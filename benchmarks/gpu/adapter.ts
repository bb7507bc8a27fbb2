/** Opens the adapter with Dawn's experimental features, and reads its limits and features. */

/** Subgroup matrices are experimental in WebGPU, and Dawn disables float16 on NVIDIA's Vulkan driver by default. */
const flags = [
  'enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia',
  'disable-dawn-features=timestamp_quantization',
]

/** Keeps the objects of create() alive: Dawn ends the process when one is garbage-collected while it is used. */
const held: GPU[] = []

export interface OpenedAdapter {
  readonly gpu: GPU
  readonly adapter: string
  readonly limits: Readonly<Record<string, number>>
  readonly features: readonly string[]
  readonly subgroupSizes: readonly (number | undefined)[]
  readonly subgroupMatrixConfigs: readonly unknown[]
}

/** @throws Error if there is no adapter */
export async function openAdapter(): Promise<OpenedAdapter> {
  const { create, globals } = await import('webgpu')
  Object.assign(globalThis, globals)
  const gpu = create(flags)
  held.push(gpu)
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
  if (!adapter)
    throw new Error(
      'There is no WebGPU adapter; `node scripts/with-swiftshader.mjs COMMAND` provides a software adapter',
    )
  const { info, features } = adapter
  const limits: Record<string, number> = {}
  for (const name in adapter.limits) {
    // Leaves out limits of rendering.
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

/** Copies an object of Dawn, whose properties are getters, so that it can be serialized. */
function plain(config: object): Record<string, unknown> {
  const values: Record<string, unknown> = {}
  for (const name in config) values[name] = (config as Record<string, unknown>)[name]
  return values
}
