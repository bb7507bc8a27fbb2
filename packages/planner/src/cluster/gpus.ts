/** GPUs, known by name or custom. */
import { nearest, show } from '../check.ts'
import type { Architecture } from '../estimate/efficiency.ts'
import { type GpuRow, gpuTable } from './gpu-table.ts'

/** One GPU in a server. Rates are per second and per GPU; bandwidths are one direction. */
export interface Gpu {
  readonly name: string
  /** The architecture whose fitted efficiencies apply; default hopper. */
  readonly architecture?: Architecture
  /** Bytes of device memory. */
  readonly memoryBytes: number
  /** Dense matrix peak in bf16 (and fp16), FLOP/s. */
  readonly peakBf16: number
  /** false: only fp16 (Volta); default true. */
  readonly bf16?: boolean
  /** Dense matrix peak in fp8, FLOP/s; null where there is none. */
  readonly peakFp8: number | null
  /** Bytes/s of device memory. */
  readonly memoryBandwidth: number
  /** Bytes/s to a GPU of the same node (NVLink; PCIe for cards). */
  readonly intraNodeBandwidth: number
  /** Bytes/s to the network. */
  readonly interNodeBandwidth: number
  /** GPUs in one NVLink domain, if it is larger than a node (72 in an NVL72 rack); default: those of the node. */
  readonly nvlinkDomain?: number
  /** Power limit of one GPU in watts; default 700. */
  readonly watts?: number
  /** Fraction of the bf16 peak that large matrix products sustain; default by architecture and power limit. */
  readonly matmulEfficiency?: number
  /** Fraction of the bf16 peak that fused attention sustains; default by architecture and power limit. */
  readonly attentionEfficiency?: number
}

/** Known GPUs by name. */
export const gpus: Readonly<Record<string, Gpu>> = Object.fromEntries(gpuTable.map((row) => [row.name, gpuOfRow(row)]))

function gpuOfRow(row: GpuRow): Gpu {
  const { name, architecture, nvlinkDomain, watts, matmulEfficiency, attentionEfficiency } = row
  return {
    name,
    architecture,
    memoryBytes: row.memory * 1e9,
    peakBf16: row.bf16 * 1e12,
    peakFp8: row.fp8 === null ? null : row.fp8 * 1e12,
    memoryBandwidth: row.memoryRate * 1e9,
    intraNodeBandwidth: row.linkRate * 1e9,
    interNodeBandwidth: row.networkRate * 1e9,
    watts,
    ...(row.hasBf16 === false && { bf16: false }),
    ...(nvlinkDomain !== undefined && { nvlinkDomain }),
    ...(matmulEfficiency !== undefined && { matmulEfficiency }),
    ...(attentionEfficiency !== undefined && { attentionEfficiency }),
  }
}

/**
 * Finds a GPU by name or short name (`H100`, any case).
 * @throws RangeError listing the known names
 * @example findGpu('H100').memoryBytes // 85500000000
 */
export function findGpu(name: string): Gpu {
  const wanted = String(name).toLowerCase()
  const found = gpuTable.find((row) => row.name.toLowerCase() === wanted || row.shortNames?.includes(wanted))
  if (found) return gpus[found.name]
  const names = gpuTable.flatMap((row) => [row.name, ...(row.shortNames ?? []).map((short) => short.toUpperCase())])
  const meant = nearest(wanted, names)
  throw new RangeError(
    `gpu: unknown GPU ${show(name)}; known GPUs are ${Object.keys(gpus).join(', ')}${meant ? ` (did you mean ${meant}?)` : ''}`,
  )
}
