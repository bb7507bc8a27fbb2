/** Downloads from the Hugging Face Hub: cache, resumed and corrupt downloads, refused names. */
import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { init } from '@kumiki/tensor'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { fetchFromHub, loadModel } from '../src/node.ts'
import { readVector, writeVectorFolder } from './transformers-vectors.ts'

// A hub of one model, on this machine.
const commit = 'a'.repeat(40)
const files = new Map<string, Buffer>()
/** What the server does wrong, and what was asked of it. */
let fault: { cutAfter?: number; wrongHash?: string; listed?: object[]; ignoreRange?: boolean } = {}
let asked: string[] = []
let server: Server
let hubUrl: string
let root: string
let cacheFolder: string

const entry = (path: string, data: Buffer) => {
  const large = path.endsWith('.safetensors')
  const sha = (hash: string, head = '') => createHash(hash).update(head).update(data).digest('hex')
  const oid = sha('sha1', `blob ${data.length}\0`)
  const lfs = { oid: fault.wrongHash === path ? '0'.repeat(64) : sha('sha256'), size: data.length, pointerSize: 134 }
  return { type: 'file', path, size: data.length, oid, ...(large && { lfs }) }
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'kumiki-hub-'))
  const folder = await writeVectorFolder(readVector('qwen2'), 'sharded', join(root, 'source'))
  for (const file of await readdir(folder)) files.set(file, await readFile(join(folder, file)))
  files.set('README.md', Buffer.from('---\nlicense: mit\n---\n'))
  files.set('LICENSE.txt', Buffer.from('MIT'))
  files.set('training.log', Buffer.from('not wanted'))
  server = createServer((request, response) => {
    const { pathname } = new URL(request.url!, 'http://x')
    const { range = '' } = request.headers
    asked.push(`${pathname.split('/').at(-1)} ${range}`.trim())
    const json = (value: object) => {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify(value))
    }
    if (pathname === '/api/models/some/model/revision/main') return json({ _id: '1', id: 'some/model', sha: commit })
    if (pathname === `/api/models/some/model/tree/${commit}`)
      return json([...[...files].map(([path, data]) => entry(path, data)), ...(fault.listed ?? [])])
    const data = files.get(pathname.replace(`/some/model/resolve/${commit}/`, ''))
    if (!data) {
      response.statusCode = 404
      return json({ error: 'Repository not found' })
    }
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range) ?? [undefined, '0', String(data.length - 1)]
    const body = data.subarray(Number(first), Number(last) + 1)
    response.writeHead(range ? 206 : 200, {
      etag: '"x"',
      'content-length': body.length,
      ...(range && { 'content-range': `bytes ${first}-${last}/${data.length}` }),
    })
    if (fault.cutAfter === undefined || body.length <= fault.cutAfter) return response.end(body)
    response.write(body.subarray(0, fault.cutAfter), () => setTimeout(() => response.destroy(), 20))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  hubUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
beforeEach(async () => {
  fault = {}
  asked = []
  cacheFolder = await mkdtemp(join(root, 'cache-'))
})
afterAll(async () => {
  server.close()
  await rm(root, { recursive: true })
})

const bring = (name = 'some/model') => fetchFromHub(name, { hubUrl, cacheFolder })

test('a model is brought once, and then found without asking for its files', async () => {
  const device = await init({ backend: 'cpu', threads: 1 })
  const { architecture } = await loadModel(device, 'hf:some/model', { hub: { hubUrl, cacheFolder } })
  expect(architecture.family).toBe('qwen2')
  device.dispose()
  const folder = await bring()
  expect((await readdir(folder)).sort()).toEqual([...files.keys()].filter((file) => file !== 'training.log').sort())
  asked = []
  expect(await bring()).toBe(folder)
  expect(asked).toEqual(['main', commit])
  // And without a connection.
  const down = async () => Promise.reject(new TypeError('fetch failed'))
  expect(await fetchFromHub('some/model', { hubUrl, cacheFolder, fetch: down })).toBe(folder)
  await expect(fetchFromHub('some/other', { hubUrl, cacheFolder, fetch: down })).rejects.toThrow(
    /hf:some\/other: fetch failed/,
  )
})

test('a download goes on where it was cut', async () => {
  fault = { cutAfter: 6000 }
  const folder = await bring()
  const [name, data] = [...files].find(([file]) => file.startsWith('model-00001'))!
  expect(await readFile(join(folder, name))).toEqual(data)
  expect(asked.some((line) => line.startsWith(`${name} bytes=6000-`))).toBe(true)
})

test('what is cut short in the cache is brought again', async () => {
  const folder = await bring()
  await truncate(join(folder, 'config.json'), 10)
  await bring()
  expect(await readFile(join(folder, 'config.json'))).toEqual(files.get('config.json'))
})

test('another hash, another size, and names that lead out of the folder', async () => {
  fault = { wrongHash: 'model-00002-of-00004.safetensors' }
  await expect(bring()).rejects.toThrow(/model-00002-of-00004\.safetensors has the sha256 .*, the Hub lists 0000/)
  const config = entry('tokenizer.json', Buffer.from('{}'))
  fault = {
    listed: [
      { ...config, path: '../tokenizer.json' },
      { ...config, path: '/tmp/tokenizer.json' },
    ],
  }
  const folder = await bring()
  expect(await readdir(folder)).not.toContain('tokenizer.json')
  files.set('tokenizer.json', Buffer.from('{ }'))
  fault = { listed: [] }
  const grown = { ...entry('tokenizer.json', files.get('tokenizer.json')!), size: 2 }
  files.set('vocab.json', Buffer.from('{}'))
  fault = { listed: [{ ...grown, path: 'merges.txt' }] }
  await expect(bring()).rejects.toThrow(/hf:some\/model: .*(does not have it|not found)/i)
  files.delete('tokenizer.json')
  files.delete('vocab.json')
})

test('an adapter is brought, and a model that is only pickled is refused', async () => {
  const model = [...files]
  files.clear()
  for (const name of ['adapter_config.json', 'adapter_model.safetensors', 'README.md'])
    files.set(name, Buffer.from('{}'))
  expect((await readdir(await bring())).sort()).toEqual([
    'README.md',
    'adapter_config.json',
    'adapter_model.safetensors',
  ])
  files.delete('adapter_model.safetensors')
  files.set('pytorch_model-00001-of-00002.bin', Buffer.from(''))
  await expect(bring()).rejects.toThrow(/hf:some\/model: the weights are in pytorch_model-00001-of-00002\.bin only, /)
  files.clear()
  for (const [name, data] of model) files.set(name, data)
})

test('names that are none', async () => {
  for (const name of ['model', '../../x', 'a/b/c', 'a/..\\b', ''])
    await expect(bring(name), name).rejects.toThrow(/must be owner\/name/)
  await expect(fetchFromHub('a/b', { revision: '../x' })).rejects.toThrow(/revision must be a branch, tag or commit/)
  await expect(bring('some/none')).rejects.toThrow(/hf:some\/none: .*not found/i)
})

test('parameters past what the cpu device can address are refused before any is read', async () => {
  const device = await init({ backend: 'cpu', threads: 1, memory64: false })
  const folder = await writeVectorFolder(readVector('qwen2'), 'single', join(root, 'large'))
  const file = join(folder, 'config.json')
  const config = JSON.parse(await readFile(file, 'utf8')) as object
  const load = async (gibibytes: number, dtype?: 'bfloat16') => {
    const vocab_size = 2 ** 20
    const hidden_size = Math.ceil((gibibytes * 2 ** 30) / 4 / vocab_size / 64) * 64
    const heads = { num_attention_heads: 4, num_key_value_heads: 4, head_dim: hidden_size / 4 }
    await writeFile(file, JSON.stringify({ ...config, ...heads, vocab_size, hidden_size, tie_word_embeddings: true }))
    return loadModel(device, folder, { dtype })
  }
  await expect(load(6)).rejects.toThrow(
    /large: [\d,]+ parameters in float32 take [67]\.\d GiB; the cpu device can address 4\.0 GiB: dtype 'bfloat16' \(3\.\d GiB\) fits/,
  )
  await expect(load(10, 'bfloat16')).rejects.toThrow(
    /in bfloat16 take [56]\.\d GiB; .*16\.0 GiB with 64-bit WebAssembly memory \(Node 24 and newer\), a GPU \(webgpu\) or a smaller model/,
  )
  // What fits is read on, to where the table is not the one of the configuration.
  await expect(load(6, 'bfloat16')).rejects.toThrow(/but config\.json requires/)
  device.dispose()
})
