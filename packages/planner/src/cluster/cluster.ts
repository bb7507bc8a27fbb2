/** Clusters: nodes of equal GPUs and their network, validated and resolved to sustained rates. */
import { type Fields, fields, flag, integer, oneOf, positive } from '../check.ts'
import { type Architecture, completeEfficiency, type Efficiency } from '../estimate/efficiency.ts'
import { findGpu, type Gpu } from './gpus.ts'

/** The network, where it differs from that of usual servers with this GPU. */
export interface Network {
  /** Inside a node; default NVLink (PCIe for PCIe cards). `pcie`: 32 GB/s on A100, 64 after. */
  readonly intra?: 'nvlink' | 'pcie'
  /**
   * Between nodes; default infiniband. Ethernet (RoCE) is assumed to sustain a smaller fraction of its rate, with twice
   * the latency.
   */
  readonly inter?: 'infiniband' | 'ethernet'
  /** Bytes/s per GPU, one direction, instead of the GPU's own values. */
  readonly intraNodeBandwidth?: number
  readonly interNodeBandwidth?: number
  /**
   * Measured bytes/s per GPU of an all-to-all between nodes (8e9 to 15e9 on LLM-jp's H100 cluster). Default: the
   * network's rate.
   */
  readonly allToAllBandwidth?: number
  /**
   * Collectives between nodes use all network adapters of a node (default true), or one per ring, as DeepSpeed did in
   * 2021.
   */
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
  /** Sustained fractions and latencies instead of the fitted ones. */
  readonly efficiency?: Partial<Efficiency>
}

/** A GPU with its sustained efficiencies. */
export interface ResolvedGpu extends Gpu {
  readonly architecture: Architecture
  readonly watts: number
  readonly matmulEfficiency: number
  readonly attentionEfficiency: number
  /** Fraction of `attentionEfficiency` that FlashAttention 2 reaches. */
  readonly flash2Efficiency: number
  readonly pcieRate: number
  /** Communication overlaps matrix products only with one hardware queue (`CUDA_DEVICE_MAX_CONNECTIONS=1`). */
  readonly needsOneConnection: boolean
}

/** A checked cluster. */
export interface ResolvedCluster {
  readonly gpu: ResolvedGpu
  readonly nodes: number
  readonly gpusPerNode: number
  readonly gpuCount: number
  /** GPUs in one NVLink domain: a node, or a rack. */
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

/** Fraction of NVLink's bandwidth that collectives sustain (all-gather of LLM-jp's NCCL tests: 347 of 450 GB/s). */
const intraEfficiency = 0.78
/**
 * Fraction of the network's bandwidth that one GPU per node sustains (48 of 50 GB/s in the same tests, less in
 * training).
 */
const interEfficiency = { infiniband: 0.9, ethernet: 0.75 } as const
const interLatency = { infiniband: 5e-6, ethernet: 10e-6 } as const
/** Upper limit of the clock relative to the architecture's reference GPU, whatever the power. */
const highestClock = 1.15
/** Architecture properties other than the fitted fractions. */
interface ArchitectureFacts {
  /** Watts per bf16 TFLOP/s at which a GPU sustains its full clock (A100, H100 and B200 SXM). */
  readonly wattsPerTeraflop: number
  readonly pcieRate: number
  /** FlashAttention 2 is as fast as the fused kernels. */
  readonly flash2IsFused: boolean
  readonly needsOneConnection: boolean
}

const facts: Readonly<Record<Architecture, ArchitectureFacts>> = {
  ampere: { wattsPerTeraflop: 400 / 312, pcieRate: 32e9, flash2IsFused: true, needsOneConnection: true },
  hopper: { wattsPerTeraflop: 700 / 989, pcieRate: 64e9, flash2IsFused: false, needsOneConnection: true },
  blackwell: { wattsPerTeraflop: 1000 / 2250, pcieRate: 64e9, flash2IsFused: false, needsOneConnection: false },
}

const clusterFields: Fields<Cluster> = {
  gpu: 1,
  nodes: 1,
  gpusPerNode: 1,
  network: 1,
  pricePerGpuHour: 1,
  efficiency: 1,
}
const networkFields: Fields<Network> = {
  intra: 1,
  inter: 1,
  intraNodeBandwidth: 1,
  interNodeBandwidth: 1,
  allToAllBandwidth: 1,
  multiRail: 1,
}
const gpuFields: Fields<Gpu> = {
  name: 1,
  architecture: 1,
  memoryBytes: 1,
  peakBf16: 1,
  bf16: 1,
  peakFp8: 1,
  memoryBandwidth: 1,
  intraNodeBandwidth: 1,
  interNodeBandwidth: 1,
  nvlinkDomain: 1,
  watts: 1,
  matmulEfficiency: 1,
  attentionEfficiency: 1,
}

/** Checks a cluster and resolves its GPU. @throws RangeError or TypeError naming the field */
export function validateCluster(cluster: Cluster): ResolvedCluster {
  fields('cluster', cluster, clusterFields)
  const nodes = integer('cluster.nodes', cluster.nodes, 1, 1e6)
  const gpusPerNode = integer('cluster.gpusPerNode', cluster.gpusPerNode, 1, 1024)
  const efficiency = completeEfficiency(cluster.efficiency)
  const gpu = validateGpu(typeof cluster.gpu === 'string' ? findGpu(cluster.gpu) : cluster.gpu, efficiency)
  const network = resolveNetwork(cluster.network === undefined ? {} : cluster.network)
  const { intra, inter, multiRail } = network
  const inside = intra === 'pcie' ? Math.min(gpu.pcieRate, gpu.intraNodeBandwidth) : gpu.intraNodeBandwidth
  const interRate = (network.interNodeBandwidth ?? gpu.interNodeBandwidth) * interEfficiency[inter]
  return {
    gpu,
    nodes,
    gpusPerNode,
    gpuCount: nodes * gpusPerNode,
    nvlinkDomain: intra === 'pcie' ? gpusPerNode : Math.max(gpusPerNode, gpu.nvlinkDomain ?? 1),
    intraRate: (network.intraNodeBandwidth ?? inside) * intraEfficiency,
    interRate,
    interLatency: interLatency[inter],
    allToAllRate: network.allToAllBandwidth ?? interRate,
    multiRail,
    pricePerGpuHour:
      cluster.pricePerGpuHour === undefined
        ? undefined
        : positive('cluster.pricePerGpuHour', cluster.pricePerGpuHour, 1e9),
    efficiency,
  }
}

type ResolvedNetwork = Network & Required<Pick<Network, 'intra' | 'inter' | 'multiRail'>>

function resolveNetwork(network: Network): ResolvedNetwork {
  const given = fields('cluster.network', network, networkFields)
  for (const field of ['intraNodeBandwidth', 'interNodeBandwidth', 'allToAllBandwidth'] as const) {
    if (given[field] !== undefined) positive(`cluster.network.${field}`, given[field], 1e20)
  }
  return {
    ...network,
    intra: oneOf('cluster.network.intra', given.intra ?? 'nvlink', ['nvlink', 'pcie']),
    inter: oneOf('cluster.network.inter', given.inter ?? 'infiniband', ['infiniband', 'ethernet']),
    multiRail: flag('cluster.network.multiRail', given.multiRail, true),
  }
}

/** Validates an untrusted network. @throws RangeError or TypeError naming the field */
export function checkNetwork(value: unknown): Network {
  resolveNetwork(value as Network)
  return value as Network
}

/** Validates an untrusted GPU. @throws RangeError or TypeError naming the field */
export function checkGpu(value: unknown): Gpu {
  validateGpu(value as Gpu, completeEfficiency(undefined))
  return value as Gpu
}

function validateGpu(gpu: Gpu, efficiency: Efficiency): ResolvedGpu {
  const given = fields('cluster.gpu', gpu, gpuFields)
  for (const field of ['memoryBytes', 'peakBf16', 'memoryBandwidth', 'intraNodeBandwidth', 'interNodeBandwidth']) {
    positive(`cluster.gpu.${field}`, given[field], 1e20)
  }
  if (gpu.peakFp8 !== null) positive('cluster.gpu.peakFp8', gpu.peakFp8, 1e20)
  if (gpu.nvlinkDomain !== undefined) integer('cluster.gpu.nvlinkDomain', gpu.nvlinkDomain, 1, 1e6)
  const architecture = oneOf('cluster.gpu.architecture', gpu.architecture ?? 'hopper', [
    'ampere',
    'hopper',
    'blackwell',
  ])
  const watts = positive('cluster.gpu.watts', gpu.watts ?? 700, 1e6)
  // Clocks scale roughly with the square root of the power limit below what the architecture needs for its peak.
  const { wattsPerTeraflop, pcieRate, flash2IsFused, needsOneConnection } = facts[architecture]
  const needed = wattsPerTeraflop * (gpu.peakBf16 / 1e12)
  const clock = gpu.watts === undefined ? 1 : Math.min(highestClock, Math.sqrt(watts / needed))
  const part = (field: 'matmulEfficiency' | 'attentionEfficiency', fitted: number) =>
    gpu[field] === undefined ? fitted * clock : positive(`cluster.gpu.${field}`, gpu[field], 1)
  return {
    ...gpu,
    architecture,
    watts,
    matmulEfficiency: part('matmulEfficiency', efficiency.matmul[architecture]),
    attentionEfficiency: part('attentionEfficiency', efficiency.attention[architecture]),
    flash2Efficiency: flash2IsFused ? 1 : efficiency.flash2,
    pcieRate,
    needsOneConnection,
  }
}
