/** The live page: history of metrics, pausing, HTTP interface and security. */
import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Run, RunStop, StepMetrics } from '../src/index.ts'
import { History } from '../src/live/history.ts'
import { type LivePage, livePageObserver, PauseGate, withPause } from '../src/node.ts'

const step = (n: number, more: object = {}) => ({ step: n, tokens: n * 64, loss: 5, ...more }) as unknown as StepMetrics
const run = { trainer: { step: 0 }, steps: 100 } as unknown as Run

describe('history', () => {
  test('holds any number of steps in few buckets, with their extremes and means', () => {
    const history = new History(200)
    let sum = 0
    for (let n = 1; n <= 200_000; n++) {
      const loss = n === 123_456 ? 99 : 1 + (n % 7) / 10
      sum += loss
      history.push(n, { loss, gradNorm: n % 2 ? Number.NaN : 1 })
    }
    const { steps, series, stride } = history.part()
    expect(steps.length).toBeLessThanOrEqual(200)
    expect(steps.length).toBeGreaterThanOrEqual(100)
    expect(steps.at(-1)).toBe(200_000)
    expect(stride).toBe(1024)
    expect(Math.max(...series.loss.map((b) => b![2]))).toBe(99)
    expect(Math.min(...series.loss.map((b) => b![1]))).toBe(1)
    const counts = steps.map((s, i) => s - (steps[i - 1] ?? 0))
    expect(series.loss.reduce((n, b, i) => n + b![0] * counts[i], 0) / sum).toBeCloseTo(1, 6)
    expect(series.gradNorm.every((b) => b![0] === 1)).toBe(true)
    history.rewind(100_000)
    expect(history.part().steps.at(-1)).toBeLessThanOrEqual(100_000)
  })

  test('gives what came after an index, and begins later figures with gaps', () => {
    const history = new History(10)
    history.push(1, { loss: 3 })
    history.push(2, { loss: 2, late: 1 })
    expect(history.part(1)).toEqual({
      stride: 1,
      from: 1,
      steps: [2],
      series: { loss: [[2, 2, 2]], late: [[1, 1, 1]] },
    })
    expect(history.part().series.late).toEqual([null, [1, 1, 1]])
    expect(() => new History(3)).toThrow(/capacity must be an even integer/)
  })
})

test('a gate holds a run between two steps, and lets a stop through', async () => {
  const gate = new PauseGate()
  const controller = new AbortController()
  const stop: RunStop = {
    get requested() {
      return controller.signal.aborted
    },
    signal: controller.signal,
    listen: async () => controller.signal.aborted,
  }
  const held = withPause(stop, gate)
  expect(await held.listen()).toBe(false)
  gate.pause()
  let passed = 0
  const first = held.listen().then(() => passed++)
  await new Promise((resolve) => setTimeout(resolve, 10))
  expect(passed).toBe(0)
  // It keeps the process: nothing else may be under way.
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const held1 = timers()
  gate.resume()
  await first
  expect(timers()).toBe(held1 - 1)
  gate.pause()
  const second = held.listen()
  controller.abort()
  expect(await second).toBe(true)
})

describe('the live page', () => {
  let page: LivePage
  beforeAll(async () => {
    page = await livePageObserver({ name: 'a <b>', device: 'cpu', earlier: [step(1), step(2)] })
    page.onStart!(run)
    for (let n = 3; n <= 5; n++) page.onStep!(step(n, { loss: n }), run)
  })
  afterAll(() => page.close())

  function get(path: string, headers: Record<string, string> = {}, method = 'GET', until = () => true) {
    const { port } = new URL(page.url)
    return new Promise<{ code: number; text: string; headers: Record<string, unknown> }>((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port, path, method, headers }, (response) => {
        let text = ''
        const done = () => resolve({ code: response.statusCode!, text, headers: response.headers })
        response.on('data', (chunk) => {
          text += chunk
          if (path === '/events' && text.includes('\n\n') && until()) {
            done()
            sent.destroy()
          }
        })
        response.on('end', done)
      })
      sent.on('error', reject)
      sent.end()
    })
  }

  test('is whole, escaped, and fetches from itself alone', async () => {
    const { code, text, headers } = await get('/')
    expect(code).toBe(200)
    expect(text).toContain('<h1>a &#60;b&#62;</h1>')
    expect(text).not.toMatch(/https?:\/\//)
    expect(headers['content-security-policy']).toMatch(/default-src 'none'; img-src data:; script-src 'self'/)
    expect(headers['access-control-allow-origin']).toBeUndefined()
    expect((await get('/uplot.js')).text).toContain('uPlot')
    expect((await get('/page.js')).text).toContain('EventSource')
    expect((await get('/../package.json')).code).toBe(404)
  })

  test('sends the steps there are, those of before included', async () => {
    const { text } = await get('/events')
    const { status, history } = JSON.parse(/data: (.*)\n\n/.exec(text)![1])
    expect(status).toMatchObject({ state: 'training', step: 5, steps: 100, device: 'cpu' })
    expect(history.steps).toEqual([1, 2, 3, 4, 5])
    expect(history.series.loss.at(-1)).toEqual([5, 5, 5])
  })

  test.each([
    ['another name for this machine', { Host: 'attacker.example' }],
    ['its name with another port', { Host: '127.0.0.1:1' }],
    ['another page', { Origin: 'http://attacker.example' }],
    ['a page of another port', { Origin: 'http://127.0.0.1:1' }],
    ['a page without an origin', { Origin: 'null' }],
    ['a link from elsewhere', { 'Sec-Fetch-Site': 'cross-site' }],
  ])('refuses %s', async (_, headers) => {
    for (const path of ['/', '/events', '/pause'])
      expect((await get(path, headers, path === '/pause' ? 'POST' : 'GET')).code).toBe(403)
  })

  test('pauses and resumes with the token alone', async () => {
    expect((await get('/pause')).code).toBe(405)
    expect((await get('/', {}, 'POST')).code).toBe(405)
    for (const token of ['', 'Bearer ', `Bearer ${'0'.repeat(24)}`, `Bearer ${page.token}0`])
      expect((await get('/pause', token ? { Authorization: token } : {}, 'POST')).code).toBe(401)
    expect(page.gate.paused).toBe(false)
    const headers = { Authorization: `Bearer ${page.token}`, Origin: page.url.slice(0, -1) }
    expect((await get('/pause', headers, 'POST')).code).toBe(204)
    expect(page.gate.paused).toBe(true)
    expect((await get('/events')).text).toContain('"state":"paused"')
    expect((await get('/resume', headers, 'POST')).code).toBe(204)
    expect(page.gate.paused).toBe(false)
  })

  test('says where a port is taken', async () => {
    await expect(livePageObserver({ name: 'b', port: Number(new URL(page.url).port) })).rejects.toThrow(
      /port \d+ is used by another program; give another one, or 0/,
    )
  })
})
