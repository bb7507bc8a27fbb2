// Whether looking for a WebGPU adapter is worth loading the backend.

/**
 * Whether asking for an adapter can find one. On Linux Dawn needs the Vulkan loader and complains loudly without it; a
 * machine that has none is simply a machine without a GPU.
 */
export async function mayHaveAdapter(): Promise<boolean> {
  if ((globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu) return true
  if (typeof process !== 'object' || process.platform !== 'linux') return true
  const { existsSync } = process.getBuiltinModule('node:fs') // not an import: bundlers for browsers would look for it
  const own = (process.env.LD_LIBRARY_PATH ?? '').split(':').filter(Boolean)
  const triples = ['x86_64-linux-gnu', 'aarch64-linux-gnu']
  const system = [
    '/usr/lib64',
    '/usr/lib',
    '/lib64',
    '/lib',
    '/usr/local/lib',
    '/usr/local/lib64',
    '/run/opengl-driver/lib',
    ...triples.flatMap((t) => [`/usr/lib/${t}`, `/lib/${t}`]),
  ]
  return [...own, ...system].some((dir) => existsSync(`${dir}/libvulkan.so.1`))
}
