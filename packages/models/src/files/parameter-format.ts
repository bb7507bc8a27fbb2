/** The formats in which a model's parameters are loaded, and whether they fit the device. */
import { bytesPerElement, cpuAddressableBytes, type Device, type DType } from '@kumiki/tensor'
import type { ModelArchitecture } from '../architecture.ts'
import { parameterShapes } from '../parameters.ts'

/**
 * One format for all parameters; `stored`, each as in its file; or `compact`: float32, but matrices that the file has
 * in bfloat16 stay so. The numbers are then those of float32, in about half of the memory.
 */
export type ParameterFormat = DType | 'stored' | 'compact'

/** The format of a parameter that is stored as `stored`. */
export function parameterFormat(wanted: ParameterFormat, stored: DType, shape: readonly number[]): DType {
  if (wanted === 'stored') return stored
  if (wanted === 'compact') return stored === 'bfloat16' && shape.length > 1 ? stored : 'float32'
  return wanted
}

/**
 * @param from file or folder, for the message
 * @param storedBytes bytes of an element of the smallest format that `from` may have
 * @throws Error if the parameters exceed the memory the device can address, before any is read
 */
export function requireAddressable(
  device: Device,
  from: string,
  architecture: ModelArchitecture,
  format: ParameterFormat,
  storedBytes: number,
): void {
  const most = device.addressableBytes
  if (most === Number.POSITIVE_INFINITY) return
  let elements = 0
  for (const { shape } of parameterShapes(architecture, { experts: 'stacked' })) {
    elements += shape.reduce((product, extent) => product * extent, 1)
  }
  const width = format === 'stored' ? storedBytes : format === 'compact' ? 2 : bytesPerElement[format]
  const bytes = elements * width
  if (!(bytes > most)) return // a format that is none is refused by the first cast
  const gibibytes = (n: number) => `${(n / 2 ** 30).toFixed(1)} GiB`
  const widest = cpuAddressableBytes(true)
  const wider = most < widest && bytes <= widest
  throw new Error(
    `${from}: ${elements.toLocaleString('en')} parameters in ${format} take ${gibibytes(bytes)}; the ${device.kind} device can address ${gibibytes(most)}: ` +
      (width === 4 && elements * 2 <= most
        ? `dtype 'bfloat16' (${gibibytes(elements * 2)}) fits`
        : `${wider ? `${gibibytes(widest)} with 64-bit WebAssembly memory (Node 24 and newer), ` : ''}a GPU (webgpu) or a smaller model is needed`),
  )
}
