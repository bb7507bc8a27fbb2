/** Bandwidth within groups of GPUs, in bytes/s per GPU. */
import type { ResolvedCluster } from '../cluster/cluster.ts'

/** Members of a group in one NVLink domain, if they are `stride` ranks apart. */
export function membersPerNode(cluster: ResolvedCluster, size: number, stride: number): number {
  return Math.max(1, Math.min(size, Math.floor(cluster.nvlinkDomain / stride)))
}

/** Whether a group of `size` GPUs, `stride` ranks apart, spans several nodes (or NVLink racks). */
export function leavesNode(cluster: ResolvedCluster, size: number, stride: number): boolean {
  return size * stride > cluster.nvlinkDomain
}

/** Point-to-point or ring bandwidth with one network adapter per GPU. */
export function groupBandwidth(cluster: ResolvedCluster, size: number, stride: number): number {
  return leavesNode(cluster, size, stride) ? cluster.interRate : cluster.intraRate
}

/**
 * Ring collectives of large messages. Members in one node combine their adapters (a ring crosses between nodes once),
 * with diminishing returns: NCCL tests of LLM-jp's H100 cluster give 48 GB/s for one GPU per node and 150 to 187 for
 * eight.
 */
export function collectiveBandwidth(cluster: ResolvedCluster, size: number, stride: number): number {
  if (!leavesNode(cluster, size, stride)) return cluster.intraRate
  const members = cluster.multiRail ? Math.min(cluster.gpusPerNode, membersPerNode(cluster, size, stride)) : 1
  return Math.min(cluster.intraRate, cluster.interRate * members ** 0.6)
}

/**
 * Seconds of one exchange of tokens among `size` expert-parallel ranks: copies within the node go over NVLink,
 * concurrently with the others over the network. NCCL's plain all-to-all can be far slower across nodes (8 to 15 GB/s
 * on LLM-jp's cluster): give it as `network.allToAllBandwidth`.
 * @param bytes of one copy of a rank's tokens
 * @param copies copies of each token (its selected experts)
 * @param onePerNode a node receives a token once, regardless of how many of its experts are there (DeepEP)
 */
export function exchangeSeconds(
  cluster: ResolvedCluster,
  size: number,
  bytes: number,
  copies: number,
  onePerNode: boolean,
): number {
  const inside = (bytes * copies * (size - 1)) / size / (cluster.intraRate * 0.9)
  if (!leavesNode(cluster, size, 1)) return inside
  const nodes = size / membersPerNode(cluster, size, 1)
  const away = onePerNode ? (nodes - 1) * (1 - (1 - 1 / nodes) ** copies) : copies * (1 - 1 / nodes)
  return Math.max(inside, (bytes * away) / cluster.allToAllRate)
}
