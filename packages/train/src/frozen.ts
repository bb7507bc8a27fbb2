/** Hashes of frozen parameters: a snapshot stores these instead of the values. */
import type { Parameters } from '@kumiki/models'
import type { Tensor } from '@kumiki/tensor'

/** SHA-256 in hex of each frozen parameter, by name: of its dtype, shape and values. */
export type FrozenHashes = Readonly<Record<string, string>>

/** @returns undefined if the platform has no Web Crypto (a page not served over https) */
export async function hashFrozen(frozen: Parameters): Promise<FrozenHashes | undefined> {
  if (!globalThis.crypto?.subtle) return undefined
  const hashes: Record<string, string> = {}
  // One at a time, so that only one parameter's values are on the host.
  for (const [name, t] of Object.entries(frozen)) hashes[name] = await hashOf(t)
  return hashes
}

async function hashOf(t: Tensor): Promise<string> {
  const values = await t.data()
  const head = new TextEncoder().encode(`${t.dtype} ${t.shape.join(' ')}\n`)
  const parts = [head, new Uint8Array(values.buffer, values.byteOffset, values.byteLength)]
  const digests = await Promise.all(parts.map((part) => sha256(part)))
  const both = new Uint8Array(64)
  digests.forEach((digest, i) => {
    both.set(digest, 32 * i)
  })
  return Array.from(await sha256(both), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

const sha256 = async (bytes: Uint8Array): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>))
