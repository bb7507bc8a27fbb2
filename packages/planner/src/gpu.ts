/** GPUs and clusters: peaks from data sheets, sustained fractions fitted to published runs. */
import { integer, object, positive, show } from './check.ts'

/** One GPU in a server. Rates are per second and per GPU; bandwidths are one direction. */
export interface Gpu {
  readonly name: string
  /** Bytes of device memory. */
  readonly memoryBytes: number
  /** Dense matrix peak in bf16 (and fp16), FLOP/s. */
  readonly peakBf16: number
  /** Dense matrix peak in fp8, FLOP/s; null where there is none. */
  readonly peakFp8: number | null
  /** Bytes/s of device memory. */
  readonly memoryBandwidth: number
  /** Bytes/s to a GPU of the same node (NVLink). */
  readonly intraNodeBandwidth: number
  /** Bytes/s to the network. */
  readonly interNodeBandwidth: number
  /** Part of the bf16 peak that large matrix products sustain in training. */
  readonly matmulEfficiency: number
  /** Part of the bf16 peak that fused attention sustains. */
  readonly attentionEfficiency: number
}

function gpu(
  name: string,
  [memoryGB, bf16, fp8, memoryGBs, intraGBs, interGBs]: readonly [
    number,
    number,
    number | null,
    number,
    number,
    number,
  ],
  [matmulEfficiency, attentionEfficiency]: readonly [number, number],
): Gpu {
  return {
    name,
    memoryBytes: memoryGB * 1e9,
    peakBf16: bf16 * 1e12,
    peakFp8: fp8 === null ? null : fp8 * 1e12,
    memoryBandwidth: memoryGBs * 1e9,
    intraNodeBandwidth: intraGBs * 1e9,
    interNodeBandwidth: interGBs * 1e9,
    matmulEfficiency,
    attentionEfficiency,
  }
}

/**
 * Known GPUs by name. Columns: memory GB, bf16 and fp8 TFLOP/s (dense), memory GB/s, NVLink GB/s, network GB/s, from
 * NVIDIA's data sheets and the usual network of such a server (HDR 200 for A100, NDR 400 for H100 on); then sustained
 * fractions, fitted to published training runs.
 */
export const gpus: Readonly<Record<string, Gpu>> = Object.fromEntries(
  [
    gpu('A100-SXM-40GB', [42.9, 312, null, 1555, 300, 25], [0.84, 0.53]),
    gpu('A100-SXM-80GB', [85.9, 312, null, 2039, 300, 25], [0.84, 0.53]),
    gpu('H100-SXM-80GB', [85.5, 989, 1979, 3350, 450, 50], [0.71, 0.3]),
    gpu('H100-96GB-HBM2e-500W', [102.0, 989, 1979, 2400, 450, 50], [0.61, 0.19]),
    gpu('H200-SXM-141GB', [150.1, 989, 1979, 4800, 450, 50], [0.73, 0.31]),
    gpu('B200-SXM', [192, 2250, 4500, 8000, 900, 50], [0.72, 0.45]),
    gpu('GB200', [199, 2500, 5000, 8000, 900, 50], [0.72, 0.45]),
    gpu('GB300', [299, 2500, 5000, 8000, 900, 100], [0.75, 0.5]),
  ].map((entry) => [entry.name, entry]),
)

const aliases: Readonly<Record<string, string>> = {
  a100: 'A100-SXM-80GB',
  'a100-40gb': 'A100-SXM-40GB',
  'a100-80gb': 'A100-SXM-80GB',
  h100: 'H100-SXM-80GB',
  'h100-80gb': 'H100-SXM-80GB',
  'h100-sxm': 'H100-SXM-80GB',
  h200: 'H200-SXM-141GB',
  'h200-sxm': 'H200-SXM-141GB',
  b200: 'B200-SXM',
}

/** Finds a GPU by name or short name (`H100`, any case). @throws RangeError listing the names there are */
export function findGpu(name: string): Gpu {
  const wanted = String(name).toLowerCase()
  const full = Object.hasOwn(aliases, wanted) ? aliases[wanted].toLowerCase() : wanted
  const found = Object.values(gpus).find((entry) => entry.name.toLowerCase() === full)
  if (found) return found
  throw new RangeError(`gpu: no GPU is called ${show(name)}; there are ${Object.keys(gpus).join(', ')}`)
}

/** Servers of equal GPUs. */
export interface Cluster {
  /** A GPU, or the name of a known one. */
  readonly gpu: Gpu | string
  readonly nodes: number
  readonly gpusPerNode: number
}

/** A checked cluster. */
export interface KnownCluster extends Cluster {
  readonly gpu: Gpu
  readonly gpuCount: number
}

/** Checks a cluster and resolves its GPU. @throws RangeError or TypeError naming the field */
export function validateCluster(cluster: Cluster): KnownCluster {
  object('cluster', cluster)
  const nodes = integer('cluster.nodes', cluster.nodes, 1, 1e6)
  const gpusPerNode = integer('cluster.gpusPerNode', cluster.gpusPerNode, 1, 1024)
  const found = typeof cluster.gpu === 'string' ? findGpu(cluster.gpu) : cluster.gpu
  const fields = object('cluster.gpu', found)
  for (const field of [
    'memoryBytes',
    'peakBf16',
    'memoryBandwidth',
    'intraNodeBandwidth',
    'interNodeBandwidth',
    'matmulEfficiency',
    'attentionEfficiency',
  ]) {
    positive(`cluster.gpu.${field}`, fields[field], field.endsWith('Efficiency') ? 1 : 1e20)
  }
  if (found.peakFp8 !== null) positive('cluster.gpu.peakFp8', found.peakFp8, 1e20)
  return { gpu: found, nodes, gpusPerNode, gpuCount: nodes * gpusPerNode }
}
