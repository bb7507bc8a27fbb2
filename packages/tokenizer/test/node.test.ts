/** Tokenizers opened from files, URLs and the Hub, and encoding by several threads. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { loadTokenizer, TokenizerError } from '../src/index.ts'
import { idLines } from '../src/load/id-lines.ts'
import { EncodePool, encodeFile, openTokenizer } from '../src/node.ts'

const path = new URL('../vectors/unigram.model', import.meta.url)
const bytes = new Uint8Array(readFileSync(path))
const json = new Uint8Array(readFileSync(new URL('../vectors/hf/llama2.tokenizer.json', import.meta.url)))
const tokenizer = loadTokenizer(bytes)
const folder = mkdtempSync(join(tmpdir(), 'kumiki-tokenizer-'))
const text = 'The carpenter built a wooden box. 木の箱を作った。'

/** A Hub with two repositories, and plain files. */
const files: Record<string, Uint8Array> = {
  'carpenter/joinery:tokenizer.model': bytes,
  'carpenter/llama:tokenizer.json': json,
}
const requests: string[] = []
let server: Server
let hubUrl = ''

beforeAll(async () => {
  vi.spyOn(console, 'debug').mockImplementation(() => {})
  server = createServer((request, response) => {
    const url = new URL(request.url!, 'http://127.0.0.1')
    requests.push(url.pathname)
    const info = /^\/api\/models\/([\w-]+\/[\w-]+)\/paths-info\/main$/.exec(url.pathname)
    const file = /^\/([\w-]+\/[\w-]+)\/resolve\/main\/(.+)$/.exec(url.pathname)
    if (info) {
      let body = ''
      request.on('data', (part) => {
        body += part
      })
      request.on('end', () => {
        const { paths } = JSON.parse(body) as { paths: string[] }
        const found = paths.filter((name) => files[`${info[1]}:${name}`])
        response.setHeader('content-type', 'application/json')
        response.end(
          JSON.stringify(
            found.map((name) => ({
              type: 'file',
              path: name,
              size: files[`${info[1]}:${name}`].length,
              oid: 'a'.repeat(40),
              lastCommit: { id: 'b'.repeat(40), title: 'first', date: '2026-01-01T00:00:00.000Z' },
            })),
          ),
        )
      })
      return
    }
    const content = file ? files[`${file[1]}:${file[2]}`] : url.pathname === '/plain.model' ? bytes : undefined
    if (!content) {
      response.statusCode = 404
      response.end()
      return
    }
    response.setHeader('etag', '"etag"')
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')
    if (range) {
      const from = Number(range[1])
      const to = Math.min(Number(range[2]), content.length - 1)
      response.statusCode = 206
      response.setHeader('content-range', `bytes ${from}-${to}/${content.length}`)
      response.end(content.subarray(from, to + 1))
    } else response.end(content)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  hubUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterAll(async () => {
  vi.restoreAllMocks()
  await new Promise((resolve) => server.close(resolve))
  rmSync(folder, { recursive: true, force: true })
})

describe('openTokenizer', () => {
  test('bytes, a path, file and http URLs', async () => {
    for (const source of [bytes, path, String(path), new URL(`${hubUrl}/plain.model`), `${hubUrl}/plain.model`]) {
      const opened = await openTokenizer(source)
      expect([...opened.encode(text)]).toEqual([...tokenizer.encode(text)])
    }
    expect((await openTokenizer(json)).vocabSize).toBeGreaterThan(259)
  })

  test('the Hub, and then its cache', async () => {
    const options = { hubUrl, cacheFolder: join(folder, 'cache') }
    const opened = await openTokenizer('hf:carpenter/joinery', options)
    expect([...opened.encode(text)]).toEqual([...tokenizer.encode(text)])
    const fetched = () => requests.filter((name) => name.includes('/resolve/')).length
    const before = fetched()
    await openTokenizer('hf:carpenter/joinery@main:tokenizer.model', options)
    expect(fetched()).toBe(before)
    const llama = await openTokenizer('hf:carpenter/llama', options)
    expect(llama.decode(llama.encode('木の箱'))).toBe('木の箱')
    // Nobody answers at the address: what was fetched before is used.
    const gone = { ...options, hubUrl: 'http://127.0.0.1:9' }
    expect([...(await openTokenizer('hf:carpenter/joinery:tokenizer.model', gone)).encode(text)]).toEqual([
      ...tokenizer.encode(text),
    ])
  })

  test('what is not there is said', async () => {
    const options = { hubUrl, cacheFolder: join(folder, 'cache') }
    await expect(openTokenizer('hf:carpenter/nothing', options)).rejects.toThrow(/no tokenizer could be loaded/)
    await expect(openTokenizer('hf:nothing', options)).rejects.toThrow(/hf:owner\/name/)
    await expect(openTokenizer('hf:../..', options)).rejects.toThrow(/hf:owner\/name/)
    await expect(openTokenizer(`${hubUrl}/none`)).rejects.toThrow(/status 404/)
    await expect(openTokenizer('/no/such/file')).rejects.toThrow(TokenizerError)
    await expect(openTokenizer('/no/such/file')).rejects.toThrow(
      '"/no/such/file" cannot be read: there is no such file',
    )
    await expect(openTokenizer(folder)).rejects.toThrow(/cannot be read: it is a folder; give the file in it/)
  })

  test('a file that is no tokenizer is named', async () => {
    for (const [name, content, fault] of [
      ['cut.model', bytes.subarray(0, 40), 'is the file a whole SentencePiece .model?'],
      ['empty.model', '', 'the file is empty'],
      ['cut.json', '{"model": {', 'not JSON'],
      ['other.json', '{"model": {"type": "Other"}}', 'Other'],
    ] as const) {
      const broken = join(folder, name)
      writeFileSync(broken, content)
      const error = await openTokenizer(broken).catch((error) => error)
      expect(error).toBeInstanceOf(TokenizerError)
      expect(error.message).toMatch(new RegExp(`${name.replace('.', '\\.')}: .`))
      expect(error.message).toContain(fault)
    }
  })
})

describe('EncodePool', () => {
  test('gives what encode gives, in order', async () => {
    const pool = new EncodePool(bytes, { threads: 2, batchLength: 200 })
    try {
      const texts = Array.from({ length: 300 }, (_, k) => `${k} ${text.slice(k % 20)}`)
      const encoded = await pool.encodeBatch(texts)
      expect(encoded).toEqual(texts.map((line) => tokenizer.encode(line)))
      expect(await pool.encodeBatch([])).toEqual([])
      const [[first]] = await pool.encodeBatch(['a'], { addBos: true })
      expect(first).toBe(tokenizer.bosId)
    } finally {
      await pool.close()
    }
    await expect(pool.encodeBatch(['a'])).rejects.toThrow(/closed/)
  })

  test('encodes a file as encodeFile does, in order, and reads no further than it must', async () => {
    const pool = new EncodePool(bytes, { threads: 2 })
    const lines = Array.from({ length: 200 }, (_, k) => `${text.slice(k % 20)} ${k}${k % 7 === 0 ? '\r' : ''}`)
    const whole = new TextEncoder().encode(`\n${lines.join('\n')}`)
    let read = 0
    async function* chunks(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < whole.length; at += 100, read++) yield whole.subarray(at, at + 100)
    }
    try {
      const found: Int32Array[] = []
      for await (const { ids, lengths } of pool.encodeFile(chunks())) {
        if (found.length === 0) expect(read).toBeLessThan(12)
        let at = 0
        for (const length of lengths) found.push(ids.subarray(at, (at += length)))
      }
      expect(found).toEqual(['', ...lines].map((line) => tokenizer.encode(line)))
      let written = ''
      for await (const part of pool.encodeFileAsText(chunks(), { addEos: true }))
        written += new TextDecoder().decode(part)
      const lists = found.map((ids) => JSON.stringify([...ids, tokenizer.eosId]).replaceAll(',', ', '))
      expect(written).toBe(`${lists.join('\n')}\n`)
      await expect(pool.encodeFile('/no/such/file').next()).rejects.toThrow(/cannot be read/)
      const marked = await pool.encodeFile(chunks(), { addBos: true }).next()
      expect(marked.value?.ids[0]).toBe(tokenizer.bosId)
    } finally {
      await pool.close()
    }
    await expect(pool.encodeFile(chunks()).next()).rejects.toThrow(/closed/)
  })

  test('ids are written as JSON, however many digits they have', () => {
    const lists = [[0, 9, 10, 99, 100], [], [2147483647, 1999999999, 1000000000, 123456]]
    const written = idLines(
      Int32Array.from(lists.flat()),
      Int32Array.from(lists, (list) => list.length),
    )
    expect(new TextDecoder().decode(written)).toBe(
      lists.map((list) => `${JSON.stringify(list).replaceAll(',', ', ')}\n`).join(''),
    )
  })

  test('a broken model and wrong options are said', () => {
    expect(() => new EncodePool(new Uint8Array(3))).toThrow(TokenizerError)
    expect(() => new EncodePool(bytes, { threads: 0 })).toThrow(/threads is 0/)
  })
})

describe('encodeFile', () => {
  const collect = async (source: Parameters<typeof encodeFile>[1], chunkSize?: number) => {
    const lines: Int32Array[] = []
    for await (const ids of encodeFile(tokenizer, source, { chunkSize })) lines.push(ids)
    return lines
  }

  test('the ids of each line, however the chunks fall', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.string({ unit: 'binary', maxLength: 12 }).map((s) => s.replaceAll('\n', ' ')),
          { minLength: 1 },
        ),
        fc.integer({ min: 1, max: 9 }),
        async (lines, size) => {
          const whole = new TextEncoder().encode(`${lines.join('\n')}\n`)
          async function* chunks() {
            for (let at = 0; at < whole.length; at += size) yield whole.slice(at, at + size)
          }
          expect(await collect(chunks())).toEqual(lines.map((line) => tokenizer.encode(line)))
        },
      ),
      { numRuns: 100 },
    )
  })

  test('a file, with and without a last line feed', async () => {
    const name = join(folder, 'lines.txt')
    for (const end of ['', '\n']) {
      writeFileSync(name, `${text}\n\n${text}${end}`)
      expect(await collect(name, 7)).toEqual([text, '', text].map((line) => tokenizer.encode(line)))
      expect((await collect(pathToFileURL(name))).length).toBe(3)
    }
    await expect(collect('/no/such/file')).rejects.toThrow(/cannot be read/)
  })

  test('memory stays far below the size of the file', async () => {
    const line = new TextEncoder().encode(`${text}\n`.repeat(2000))
    // What is read is what counts, not what it is made of.
    const quick = { encode: () => Int32Array.of(1) } as unknown as typeof tokenizer
    async function* endless() {
      for (let k = 0; k < 400; k++) yield line
    }
    const before = process.memoryUsage().rss
    let count = 0
    for await (const _ of encodeFile(quick, endless())) count++
    expect(count).toBe(800_000)
    expect(process.memoryUsage().rss - before).toBeLessThan(400 * line.length)
  })
})
