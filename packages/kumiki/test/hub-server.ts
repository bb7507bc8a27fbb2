/** A local server of the Hub's HTTP interface, with one model, `some/model`. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

const commit = 'b'.repeat(40)

export async function startHub(folder: string): Promise<{ url: string; asked: string[]; close(): void }> {
  const files = new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]))
  const asked: string[] = []
  const entry = ([path, data]: [string, Buffer]) => {
    const sha = (hash: string, head = '') => createHash(hash).update(head).update(data).digest('hex')
    const lfs = path.endsWith('.safetensors') && { oid: sha('sha256'), size: data.length, pointerSize: 134 }
    return { type: 'file', path, size: data.length, oid: sha('sha1', `blob ${data.length}\0`), ...(lfs && { lfs }) }
  }
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url!, 'http://x')
    asked.push(pathname)
    const json = (value: object) => response.setHeader('content-type', 'application/json').end(JSON.stringify(value))
    if (pathname === '/api/models/some/model/revision/main') return json({ _id: '1', id: 'some/model', sha: commit })
    if (pathname === `/api/models/some/model/tree/${commit}`) return json([...files].map(entry))
    const data = files.get(pathname.replace(`/some/model/resolve/${commit}/`, ''))
    if (!data) {
      response.statusCode = 404
      return json({ error: 'Repository not found' })
    }
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? ['', '0', `${data.length - 1}`]
    const range = request.headers.range && { 'content-range': `bytes ${first}-${last}/${data.length}` }
    const body = data.subarray(Number(first), Number(last) + 1)
    response.writeHead(range ? 206 : 200, { etag: '"x"', 'content-length': body.length, ...range }).end(body)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, asked, close: () => server.close() }
}
