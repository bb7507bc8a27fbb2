/** GPUs and clusters: peaks from data sheets, sustained fractions fitted to published runs. */
import { integer, object, oneOf, positive, show } from './check.ts'
import { type Architecture, completeEfficiency, type Efficiency } from './estimate/efficiency.ts'

/** One GPU in a server. Rates are per second and per GPU; bandwidths are one direction. */
export interface Gpu {
  readonly name: string
  /** Whose fitted efficiencies apply; default hopper. */
  readonly architecture?: Architecture
  /** Bytes of device memory. */
  readonly memoryBytes: number
  /** Dense matrix peak in bf16 (and fp16), FLOP/s. */
  readonly peakBf16: number
  /** false: fp16 alone (Volta); default true. */
  readonly bf16?: boolean
  /** Dense matrix peak in fp8, FLOP/s; null where there is none. */
  readonly peakFp8: number | null
  /** Bytes/s of device memory. */
  readonly memoryBandwidth: number
  /** Bytes/s to a GPU of the same node (NVLink; PCIe for cards). */
  readonly intraNodeBandwidth: number
  /** Bytes/s to the network. */
  readonly interNodeBandwidth: number
  /** GPUs one NVLink fabric joins, where it is larger than a node (72 in an NVL72 rack); default the node. */
  readonly nvlinkDomain?: number
  /** Power limit of one GPU in watts; default 700. */
  readonly watts?: number
  /** Part of the bf16 peak that large matrix products sustain; default by architecture and power limit. */
  readonly matmulEfficiency?: number
  /** Part of the bf16 peak that fused attention sustains; default by architecture and power limit. */
  readonly attentionEfficiency?: number
}

type Numbers = readonly [
  memoryGB: number,
  bf16: number,
  fp8: number | null,
  memoryGBs: number,
  intraGBs: number,
  interGBs: number,
  watts: number,
]

function gpu(
  name: string,
  architecture: Architecture,
  numbers: Numbers,
  nvlinkDomain?: number,
  rest: Partial<Gpu> = {},
): Gpu {
  const [memoryGB, bf16, fp8, memoryGBs, intraGBs, interGBs, watts] = numbers
  return {
    name,
    architecture,
    memoryBytes: memoryGB * 1e9,
    peakBf16: bf16 * 1e12,
    peakFp8: fp8 === null ? null : fp8 * 1e12,
    memoryBandwidth: memoryGBs * 1e9,
    intraNodeBandwidth: intraGBs * 1e9,
    interNodeBandwidth: interGBs * 1e9,
    watts,
    ...(nvlinkDomain !== undefined && { nvlinkDomain }),
    ...rest,
  }
}

const apple: Partial<Gpu> = { matmulEfficiency: 0.75, attentionEfficiency: 0.4 }

/**
 * Known GPUs by name. Columns: memory GB, bf16 and fp8 TFLOP/s (dense), memory GB/s, NVLink (or PCIe) GB/s, network GB/s, watts:
 * NVIDIA's data sheets and the usual network of such a server (HDR 200 for A100, NDR 400 for H100 on).
 */
export const gpus: Readonly<Record<string, Gpu>> = Object.fromEntries(
  [
    gpu('A100-SXM-40GB', 'ampere', [42.9, 312, null, 1555, 300, 25, 400]),
    gpu('A100-SXM-80GB', 'ampere', [85.9, 312, null, 2039, 300, 25, 400]),
    gpu('A100-PCIe-80GB', 'ampere', [85.9, 312, null, 1935, 32, 25, 300]),
    gpu('H100-SXM-80GB', 'hopper', [85.5, 989, 1979, 3350, 450, 50, 700]),
    gpu('H100-PCIe-80GB', 'hopper', [85.5, 756, 1513, 2000, 64, 25, 350]),
    gpu('H100-96GB-HBM2e-500W', 'hopper', [102.0, 989, 1979, 2400, 450, 50, 500]),
    gpu('H200-SXM-141GB', 'hopper', [150.1, 989, 1979, 4800, 450, 50, 700]),
    gpu('B200-SXM', 'blackwell', [192, 2250, 4500, 8000, 900, 50, 1000]),
    gpu('B300-SXM', 'blackwell', [288, 2250, 4500, 8000, 900, 100, 1100]),
    gpu('GB200', 'blackwell', [199, 2500, 5000, 8000, 900, 50, 1200], 72),
    gpu('GB300', 'blackwell', [299, 2500, 5000, 8000, 900, 100, 1400], 72),
    gpu('GH200-96GB', 'hopper', [102.0, 989, 1979, 4000, 450, 50, 700]),
    gpu('GH200-144GB', 'hopper', [154.6, 989, 1979, 4900, 450, 50, 700]),
    // For export to China: NVLink of 400 GB/s both ways.
    gpu('A800-SXM-80GB', 'ampere', [85.9, 312, null, 2039, 200, 25, 400]),
    gpu('H800-SXM-80GB', 'hopper', [85.5, 989, 1979, 3350, 200, 50, 700]),
    // The rest stands outside the architectures that were fitted; what their products sustain is taken from vendors' and users' benchmarks.
    gpu('V100-SXM-32GB', 'ampere', [34.1, 125, null, 900, 150, 12.5, 300], undefined, {
      bf16: false,
      matmulEfficiency: 0.7,
      attentionEfficiency: 0.25,
    }),
    gpu('MI300X', 'hopper', [206, 1307, 2615, 5300, 448, 50, 750], undefined, {
      matmulEfficiency: 0.5,
      attentionEfficiency: 0.3,
    }),
    // Peaks with sums in fp32, which training needs.
    gpu('RTX-4090', 'ampere', [25.3, 165, 330, 1008, 32, 3, 450], undefined, { matmulEfficiency: 0.88 }),
    gpu('RTX-5090', 'blackwell', [34.2, 209, 419, 1792, 64, 3, 575], undefined, {
      matmulEfficiency: 0.85,
      attentionEfficiency: 0.5,
    }),
    // Of the memory that processor and GPU share the GPU may have about three quarters.
    gpu('Apple-M4-Max-128GB', 'ampere', [96, 18.4, null, 546, 5, 1.2, 60], undefined, apple),
    gpu('Apple-M3-Ultra-512GB', 'ampere', [384, 28.2, null, 819, 5, 1.2, 140], undefined, apple),
    gpu('Apple-M2-Ultra-192GB', 'ampere', [144, 27.2, null, 800, 5, 1.2, 120], undefined, apple),
  ].map((entry) => [entry.name, entry]),
)

const aliases: Readonly<Record<string, string>> = {
  a100: 'A100-SXM-80GB',
  'a100-40gb': 'A100-SXM-40GB',
  'a100-80gb': 'A100-SXM-80GB',
  'a100-pcie': 'A100-PCIe-80GB',
  h100: 'H100-SXM-80GB',
  'h100-80gb': 'H100-SXM-80GB',
  'h100-sxm': 'H100-SXM-80GB',
  'h100-pcie': 'H100-PCIe-80GB',
  h200: 'H200-SXM-141GB',
  'h200-sxm': 'H200-SXM-141GB',
  gh200: 'GH200-96GB',
  a800: 'A800-SXM-80GB',
  h800: 'H800-SXM-80GB',
  v100: 'V100-SXM-32GB',
  '4090': 'RTX-4090',
  rtx4090: 'RTX-4090',
  '5090': 'RTX-5090',
  rtx5090: 'RTX-5090',
  'm4-max': 'Apple-M4-Max-128GB',
  'm3-ultra': 'Apple-M3-Ultra-512GB',
  'm2-ultra': 'Apple-M2-Ultra-192GB',
  b200: 'B200-SXM',
  b300: 'B300-SXM',
}

/** Finds a GPU by name or short name (`H100`, any case). @throws RangeError listing the names there are */
export function findGpu(name: string): Gpu {
  const wanted = String(name).toLowerCase()
  const full = Object.hasOwn(aliases, wanted) ? aliases[wanted].toLowerCase() : wanted
  const found = Object.values(gpus).find((entry) => entry.name.toLowerCase() === full)
  if (found) return found
  throw new RangeError(`gpu: no GPU is called ${show(name)}; there are ${Object.keys(gpus).join(', ')}`)
}

/** How GPUs are joined, where it is not what the GPU's server usually has. */
export interface Network {
  /** Inside a node; default NVLink (PCIe for PCIe cards). `pcie`: 32 GB/s on A100, 64 after. */
  readonly intra?: 'nvlink' | 'pcie'
  /** Between nodes; default infiniband. Ethernet (RoCE) is taken to sustain less of its rate, with twice the latency. */
  readonly inter?: 'infiniband' | 'ethernet'
  /** Bytes/s and GPU, one direction, in place of the GPU's. */
  readonly intraNodeBandwidth?: number
  readonly interNodeBandwidth?: number
  /** Bytes/s and GPU that an all-to-all sustains between nodes where it was measured (8e9 to 15e9 on LLM-jp's H100 cluster). */
  readonly allToAllBandwidth?: number
  /** Collectives between nodes use every adapter of a node (default true), or one a ring, as DeepSpeed did in 2021. */
  readonly multiRail?: boolean
}

/** Servers of equal GPUs. */
export interface Cluster {
  /** A GPU, or the name of a known one. */
  readonly gpu: Gpu | string
  readonly nodes: number
  readonly gpusPerNode: number
  readonly network?: Network
  /** Price of one GPU for an hour, in any currency. */
  readonly pricePerGpuHour?: number
  /** Sustained fractions and latencies in place of the fitted ones. */
  readonly efficiency?: Partial<Efficiency>
}

/** A GPU with what it sustains. */
export interface KnownGpu extends Gpu {
  readonly architecture: Architecture
  readonly watts: number
  readonly matmulEfficiency: number
  readonly attentionEfficiency: number
}

/** A checked cluster. */
export interface KnownCluster {
  readonly gpu: KnownGpu
  readonly nodes: number
  readonly gpusPerNode: number
  readonly gpuCount: number
  /** GPUs joined by NVLink: a node's, or a rack's. */
  readonly nvlinkDomain: number
  /** Bytes/s one GPU sustains inside and across nodes, and latency of a hop across, in seconds. */
  readonly intraRate: number
  readonly interRate: number
  readonly interLatency: number
  readonly allToAllRate: number
  readonly multiRail: boolean
  readonly pricePerGpuHour: number | undefined
  readonly efficiency: Efficiency
}

/** Part of NVLink's bandwidth that collectives sustain (all-gather of LLM-jp's NCCL tests: 347 of 450 GB/s). */
const intraEfficiency = 0.78
/** Part of the network's bandwidth that one GPU a node sustains (48 of 50 GB/s in the same tests, less in training). */
const interEfficiency = { infiniband: 0.9, ethernet: 0.75 } as const
const interLatency = { infiniband: 5e-6, ethernet: 10e-6 } as const
/** Clocks go no further above those of the architecture's usual GPU, whatever the power. */
const highestClock = 1.15
/** Watts over bf16 TFLOP/s at which a GPU of each architecture keeps its clock (A100, H100 and B200 SXM). */
const wattsPerTeraflop: Readonly<Record<Architecture, number>> = {
  ampere: 400 / 312,
  hopper: 700 / 989,
  blackwell: 1000 / 2250,
}

/** Checks a cluster and resolves its GPU. @throws RangeError or TypeError naming the field */
export function validateCluster(cluster: Cluster): KnownCluster {
  object('cluster', cluster)
  const nodes = integer('cluster.nodes', cluster.nodes, 1, 1e6)
  const gpusPerNode = integer('cluster.gpusPerNode', cluster.gpusPerNode, 1, 1024)
  const efficiency = completeEfficiency(cluster.efficiency)
  const gpu = validateGpu(typeof cluster.gpu === 'string' ? findGpu(cluster.gpu) : cluster.gpu, efficiency)
  const network = cluster.network === undefined ? {} : (object('cluster.network', cluster.network) as Network)
  const bandwidth = (field: keyof Network, fallback: number) =>
    network[field] === undefined ? fallback : positive(`cluster.network.${field}`, network[field], 1e20)
  const intra = oneOf('cluster.network.intra', network.intra ?? 'nvlink', ['nvlink', 'pcie'])
  const inter = oneOf('cluster.network.inter', network.inter ?? 'infiniband', ['infiniband', 'ethernet'])
  const pcie = gpu.architecture === 'ampere' ? 32e9 : 64e9
  const inside = intra === 'pcie' ? Math.min(pcie, gpu.intraNodeBandwidth) : gpu.intraNodeBandwidth
  const interRate = bandwidth('interNodeBandwidth', gpu.interNodeBandwidth) * interEfficiency[inter]
  return {
    gpu,
    nodes,
    gpusPerNode,
    gpuCount: nodes * gpusPerNode,
    nvlinkDomain: intra === 'pcie' ? gpusPerNode : Math.max(gpusPerNode, gpu.nvlinkDomain ?? 1),
    intraRate: bandwidth('intraNodeBandwidth', inside) * intraEfficiency,
    interRate,
    interLatency: interLatency[inter],
    allToAllRate: bandwidth('allToAllBandwidth', interRate),
    multiRail: network.multiRail !== false,
    pricePerGpuHour:
      cluster.pricePerGpuHour === undefined
        ? undefined
        : positive('cluster.pricePerGpuHour', cluster.pricePerGpuHour, 1e9),
    efficiency,
  }
}

function validateGpu(gpu: Gpu, efficiency: Efficiency): KnownGpu {
  const fields = object('cluster.gpu', gpu)
  for (const field of ['memoryBytes', 'peakBf16', 'memoryBandwidth', 'intraNodeBandwidth', 'interNodeBandwidth']) {
    positive(`cluster.gpu.${field}`, fields[field], 1e20)
  }
  if (gpu.peakFp8 !== null) positive('cluster.gpu.peakFp8', gpu.peakFp8, 1e20)
  if (gpu.nvlinkDomain !== undefined) integer('cluster.gpu.nvlinkDomain', gpu.nvlinkDomain, 1, 1e6)
  const architecture = oneOf('cluster.gpu.architecture', gpu.architecture ?? 'hopper', [
    'ampere',
    'hopper',
    'blackwell',
  ])
  const watts = positive('cluster.gpu.watts', gpu.watts ?? 700, 1e6)
  // Clocks fall about with the root of the power limit where it is below what the architecture needs for its peak.
  const needed = wattsPerTeraflop[architecture] * (gpu.peakBf16 / 1e12)
  const clock = gpu.watts === undefined ? 1 : Math.min(highestClock, Math.sqrt(watts / needed))
  const part = (field: 'matmulEfficiency' | 'attentionEfficiency', fitted: number) =>
    gpu[field] === undefined ? fitted * clock : positive(`cluster.gpu.${field}`, gpu[field], 1)
  return {
    ...gpu,
    architecture,
    watts,
    matmulEfficiency: part('matmulEfficiency', efficiency.matmul[architecture]),
    attentionEfficiency: part('attentionEfficiency', efficiency.attention[architecture]),
  }
}
