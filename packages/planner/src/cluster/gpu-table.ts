/** GPUs (NVIDIA, AMD, Apple) with the values of their data sheets, one row each. */
import type { Architecture } from '../estimate/efficiency.ts'

/** A row of the table, in the units of data sheets: GB, TFLOP/s, GB/s (one direction), watts. */
export interface GpuRow {
  readonly name: string
  /** Other names that `findGpu` accepts, in lower case. */
  readonly shortNames?: readonly string[]
  /**
   * The architecture whose fitted efficiencies apply; for other vendors the closest one, with own efficiencies below.
   */
  readonly architecture: Architecture
  /**
   * As the driver reports it, in 10^9 bytes: 85.5 for an H100 of 80 GB. For unified memory, the part that the GPU may
   * use.
   */
  readonly memory: number
  /** Dense bf16 (and fp16) peak. */
  readonly bf16: number
  /** false: only fp16. */
  readonly hasBf16?: boolean
  /** Dense fp8 peak; null where there is none. */
  readonly fp8: number | null
  readonly memoryRate: number
  /** NVLink, or PCIe for cards. */
  readonly linkRate: number
  /** The usual network of such a server: HDR 200 for A100, NDR 400 for H100 on. */
  readonly networkRate: number
  readonly nvlinkDomain?: number
  readonly watts: number
  /**
   * Fraction of the bf16 peak that large matrix products and fused attention sustain in benchmarks; default: the fitted
   * values of the architecture.
   */
  readonly matmulEfficiency?: number
  readonly attentionEfficiency?: number
}

export const gpuTable: readonly GpuRow[] = [
  {
    name: 'A100-SXM-40GB',
    shortNames: ['a100-40gb'],
    architecture: 'ampere',
    memory: 42.9,
    bf16: 312,
    fp8: null,
    memoryRate: 1555,
    linkRate: 300,
    networkRate: 25,
    watts: 400,
  },
  {
    name: 'A100-SXM-80GB',
    shortNames: ['a100', 'a100-80gb'],
    architecture: 'ampere',
    memory: 85.9,
    bf16: 312,
    fp8: null,
    memoryRate: 2039,
    linkRate: 300,
    networkRate: 25,
    watts: 400,
  },
  {
    name: 'A100-PCIe-80GB',
    shortNames: ['a100-pcie'],
    architecture: 'ampere',
    memory: 85.9,
    bf16: 312,
    fp8: null,
    memoryRate: 1935,
    linkRate: 32,
    networkRate: 25,
    watts: 300,
  },
  {
    name: 'H100-SXM-80GB',
    shortNames: ['h100', 'h100-80gb', 'h100-sxm'],
    architecture: 'hopper',
    memory: 85.5,
    bf16: 989,
    fp8: 1979,
    memoryRate: 3350,
    linkRate: 450,
    networkRate: 50,
    watts: 700,
  },
  {
    name: 'H100-PCIe-80GB',
    shortNames: ['h100-pcie'],
    architecture: 'hopper',
    memory: 85.5,
    bf16: 756,
    fp8: 1513,
    memoryRate: 2000,
    linkRate: 64,
    networkRate: 25,
    watts: 350,
  },
  {
    name: 'H100-96GB-HBM2e-500W',
    architecture: 'hopper',
    memory: 102.0,
    bf16: 989,
    fp8: 1979,
    memoryRate: 2400,
    linkRate: 450,
    networkRate: 50,
    watts: 500,
  },
  {
    name: 'H200-SXM-141GB',
    shortNames: ['h200', 'h200-sxm'],
    architecture: 'hopper',
    memory: 150.1,
    bf16: 989,
    fp8: 1979,
    memoryRate: 4800,
    linkRate: 450,
    networkRate: 50,
    watts: 700,
  },
  {
    name: 'B200-SXM',
    shortNames: ['b200'],
    architecture: 'blackwell',
    memory: 192,
    bf16: 2250,
    fp8: 4500,
    memoryRate: 8000,
    linkRate: 900,
    networkRate: 50,
    watts: 1000,
  },
  {
    name: 'B300-SXM',
    shortNames: ['b300'],
    architecture: 'blackwell',
    memory: 288,
    bf16: 2250,
    fp8: 4500,
    memoryRate: 8000,
    linkRate: 900,
    networkRate: 100,
    watts: 1100,
  },
  {
    name: 'GB200',
    architecture: 'blackwell',
    memory: 199,
    bf16: 2500,
    fp8: 5000,
    memoryRate: 8000,
    linkRate: 900,
    networkRate: 50,
    nvlinkDomain: 72,
    watts: 1200,
  },
  {
    name: 'GB300',
    architecture: 'blackwell',
    memory: 299,
    bf16: 2500,
    fp8: 5000,
    memoryRate: 8000,
    linkRate: 900,
    networkRate: 100,
    nvlinkDomain: 72,
    watts: 1400,
  },
  {
    name: 'GH200-96GB',
    shortNames: ['gh200'],
    architecture: 'hopper',
    memory: 102.0,
    bf16: 989,
    fp8: 1979,
    memoryRate: 4000,
    linkRate: 450,
    networkRate: 50,
    watts: 700,
  },
  {
    name: 'GH200-144GB',
    architecture: 'hopper',
    memory: 154.6,
    bf16: 989,
    fp8: 1979,
    memoryRate: 4900,
    linkRate: 450,
    networkRate: 50,
    watts: 700,
  },
  // Export versions for China: NVLink of 400 GB/s bidirectional.
  {
    name: 'A800-SXM-80GB',
    shortNames: ['a800'],
    architecture: 'ampere',
    memory: 85.9,
    bf16: 312,
    fp8: null,
    memoryRate: 2039,
    linkRate: 200,
    networkRate: 25,
    watts: 400,
  },
  {
    name: 'H800-SXM-80GB',
    shortNames: ['h800'],
    architecture: 'hopper',
    memory: 85.5,
    bf16: 989,
    fp8: 1979,
    memoryRate: 3350,
    linkRate: 200,
    networkRate: 50,
    watts: 700,
  },
  // The following architectures were not fitted; their efficiencies are from benchmarks of vendors and users.
  {
    name: 'V100-SXM-32GB',
    shortNames: ['v100'],
    architecture: 'ampere',
    memory: 34.1,
    bf16: 125,
    hasBf16: false,
    fp8: null,
    memoryRate: 900,
    linkRate: 150,
    networkRate: 12.5,
    watts: 300,
    matmulEfficiency: 0.7,
    attentionEfficiency: 0.25,
  },
  {
    name: 'MI300X',
    architecture: 'hopper',
    memory: 206,
    bf16: 1307,
    fp8: 2615,
    memoryRate: 5300,
    linkRate: 448,
    networkRate: 50,
    watts: 750,
    matmulEfficiency: 0.5,
    attentionEfficiency: 0.3,
  },
  // Peaks with fp32 accumulation, which training needs.
  {
    name: 'RTX-4090',
    shortNames: ['4090', 'rtx4090'],
    architecture: 'ampere',
    memory: 25.3,
    bf16: 165,
    fp8: 330,
    memoryRate: 1008,
    linkRate: 32,
    networkRate: 3,
    watts: 450,
    matmulEfficiency: 0.88,
  },
  {
    name: 'RTX-5090',
    shortNames: ['5090', 'rtx5090'],
    architecture: 'blackwell',
    memory: 34.2,
    bf16: 209,
    fp8: 419,
    memoryRate: 1792,
    linkRate: 64,
    networkRate: 3,
    watts: 575,
    matmulEfficiency: 0.85,
    attentionEfficiency: 0.5,
  },
  // The GPU may use about three quarters of unified memory.
  {
    name: 'Apple-M4-Max-128GB',
    shortNames: ['m4-max'],
    architecture: 'ampere',
    memory: 96,
    bf16: 18.4,
    fp8: null,
    memoryRate: 546,
    linkRate: 5,
    networkRate: 1.2,
    watts: 60,
    matmulEfficiency: 0.75,
    attentionEfficiency: 0.4,
  },
  {
    name: 'Apple-M3-Ultra-512GB',
    shortNames: ['m3-ultra'],
    architecture: 'ampere',
    memory: 384,
    bf16: 28.2,
    fp8: null,
    memoryRate: 819,
    linkRate: 5,
    networkRate: 1.2,
    watts: 140,
    matmulEfficiency: 0.75,
    attentionEfficiency: 0.4,
  },
  {
    name: 'Apple-M2-Ultra-192GB',
    shortNames: ['m2-ultra'],
    architecture: 'ampere',
    memory: 144,
    bf16: 27.2,
    fp8: null,
    memoryRate: 800,
    linkRate: 5,
    networkRate: 1.2,
    watts: 120,
    matmulEfficiency: 0.75,
    attentionEfficiency: 0.4,
  },
]
