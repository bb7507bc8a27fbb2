// Whether there may be a WebGPU adapter, found out without loading the backend.

/**
 * Whether requesting an adapter can succeed. On Linux, Dawn needs the Vulkan loader and prints errors if it is missing,
 * which just means that there is no GPU.
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
