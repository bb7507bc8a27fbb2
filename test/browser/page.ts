/** The script of the page in the browser test. */
import { init } from '@kumiki/tensor'
import { compute } from './cases.ts'

/** Called by the test in a page: one backend, from init to dispose. */
async function runInPage(backend: 'webgpu' | 'cpu') {
  const device = await init({ backend })
  const name = device.name
  const values = await compute(device)
  device.dispose()
  return { name, values, isolated: globalThis.crossOriginIsolated }
}

Object.assign(globalThis, { runInPage })
