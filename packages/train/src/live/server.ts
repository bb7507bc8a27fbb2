/** The HTTP server of the live page: local only, read-only except for pause and resume, same-origin only. Node only. */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import type { History } from './history.ts'
import { livePage } from './page.ts'
import type { PauseGate } from './pause.ts'

/** The run's status, shown above the charts. */
export interface LiveStatus {
  readonly name: string
  readonly state: 'training' | 'paused' | 'finished' | 'stopped' | 'failed'
  readonly step: number
  readonly steps: number
  readonly secondsLeft?: number
  readonly device?: string
  /** Held-out losses by step. */
  readonly evaluations: readonly (readonly [step: number, natsPerToken: number])[]
}

export interface LiveServerOptions {
  /** 0: any free port. */
  readonly port: number
  readonly history: History
  readonly status: () => LiveStatus
  readonly gate: PauseGate
}

/** Interval between messages to a page, in milliseconds. */
const interval = 250
/** Maximum number of connected pages. */
const maxPages = 16
/** Limit of buffered bytes for a slow page; further messages are skipped until they are sent. */
const maxWaiting = 4 * 2 ** 20

interface Page {
  readonly response: ServerResponse
  /** History version and index of the next bucket to send. */
  version: number
  next: number
}

export class LiveServer {
  /** The token that pause and resume requests must present. */
  readonly token = randomBytes(12).toString('hex')
  private readonly options: LiveServerOptions
  private readonly server: Server
  private readonly pages = new Set<Page>()
  private readonly timer: NodeJS.Timeout
  private sent = ''

  private constructor(options: LiveServerOptions) {
    this.options = options
    this.server = createServer((request, response) => this.answer(request, response))
    this.timer = setInterval(() => this.broadcast(), interval)
    this.timer.unref()
  }

  /** @throws Error if the port is in use */
  static async start(options: LiveServerOptions): Promise<LiveServer> {
    const live = new LiveServer(options)
    await new Promise<void>((resolve, reject) => {
      live.server.once('error', (error: NodeJS.ErrnoException) => {
        clearInterval(live.timer)
        reject(
          new Error(
            error.code === 'EADDRINUSE'
              ? `port ${options.port} is used by another program; give another one, or 0 for any free port`
              : `the live page cannot be served on port ${options.port} (${error.message})`,
            { cause: error },
          ),
        )
      })
      live.server.listen(options.port, '127.0.0.1', resolve)
    })
    live.server.unref()
    return live
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/`
  }

  /** Sends updates to all pages. */
  broadcast(): void {
    const { history, status } = this.options
    const text = JSON.stringify(status())
    const changed = text !== this.sent
    this.sent = text
    for (const page of this.pages) {
      if (page.response.writableLength > maxWaiting) continue
      if (page.version !== history.version) {
        page.version = history.version
        page.next = 0
      }
      if (page.next < history.length || changed) {
        // The last bucket is sent again, because it may have changed.
        const from = Math.max(0, page.next - 1)
        page.response.write(`data: ${JSON.stringify({ status: status(), history: history.part(from) })}\n\n`)
        page.next = history.length
      } else if (history.length > 0 && history.stride > 1) {
        page.response.write(`data: ${JSON.stringify({ history: history.part(history.length - 1) })}\n\n`)
      }
    }
  }

  /** Sends the last update and closes the server. */
  async close(): Promise<void> {
    clearInterval(this.timer)
    this.broadcast()
    for (const { response } of this.pages) response.end()
    this.pages.clear()
    this.server.closeAllConnections()
    await new Promise<void>((resolve) => this.server.close(() => resolve()))
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const refuse = (code: number, text: string) => {
      response.writeHead(code, { 'Content-Type': 'text/plain; charset=utf-8', ...guards })
      response.end(`${text}\n`)
    }
    // Guards against DNS rebinding (a foreign host name that resolves to this machine) and cross-site requests.
    const hosts = [`127.0.0.1:${this.port}`, `localhost:${this.port}`]
    const { host = '', origin } = request.headers
    if (!hosts.includes(host)) {
      refuse(403, `Open this page as ${this.url}; other host names are refused.`)
      return
    }
    if (origin !== undefined && !hosts.some((h) => origin === `http://${h}`)) {
      refuse(403, 'Requests of other sites are refused.')
      return
    }
    const site = request.headers['sec-fetch-site']
    if (site !== undefined && site !== 'same-origin' && site !== 'none') {
      refuse(403, 'Requests of other sites are refused.')
      return
    }
    const path = (request.url ?? '').split('?')[0]
    if (path === '/pause' || path === '/resume') {
      this.control(path, request, refuse, response)
      return
    }
    if (request.method !== 'GET') {
      refuse(405, 'Only GET is allowed.')
      return
    }
    if (path === '/events') {
      this.follow(request, response, refuse)
      return
    }
    const files: Record<string, [string, () => string]> = {
      '/': ['text/html', () => livePage(this.options.status().name)],
      '/uplot.js': ['text/javascript', () => validLanguage + uplot('uPlot.iife.min.js')],
      '/uplot.css': ['text/css', () => uplot('uPlot.min.css')],
      '/page.js': ['text/javascript', () => livePage.script()],
    }
    const found = Object.hasOwn(files, path) ? files[path] : undefined
    if (!found) {
      refuse(404, 'Not found.')
      return
    }
    response.writeHead(200, { 'Content-Type': `${found[0]}; charset=utf-8`, ...guards })
    response.end(found[1]())
  }

  private control(
    path: string,
    request: IncomingMessage,
    refuse: (code: number, text: string) => void,
    response: ServerResponse,
  ): void {
    if (request.method !== 'POST') {
      refuse(405, 'Only POST is allowed.')
      return
    }
    const given = Buffer.from(String(request.headers.authorization ?? ''))
    const wanted = Buffer.from(`Bearer ${this.token}`)
    if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) {
      refuse(401, 'Give the token that the terminal shows.')
      return
    }
    if (path === '/pause') this.options.gate.pause()
    else this.options.gate.resume()
    response.writeHead(204, guards)
    response.end()
    this.broadcast()
  }

  private follow(
    request: IncomingMessage,
    response: ServerResponse,
    refuse: (code: number, text: string) => void,
  ): void {
    if (this.pages.size >= maxPages) {
      refuse(503, `${maxPages} pages are open already.`)
      return
    }
    response.writeHead(200, { 'Content-Type': 'text/event-stream', ...guards })
    const page: Page = { response, version: -1, next: 0 }
    this.pages.add(page)
    request.on('close', () => this.pages.delete(page))
    const { history, status } = this.options
    response.write(`retry: 2000\ndata: ${JSON.stringify({ status: status(), history: history.part() })}\n\n`)
    page.version = history.version
    page.next = history.length
  }
}

/** Security headers: no external resources, no framing, no caching. */
const guards = {
  'Content-Security-Policy':
    "default-src 'none'; img-src data:; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-store',
  'Cross-Origin-Resource-Policy': 'same-origin',
}

/** uPlot passes navigator.language to Intl, which rejects its value in the locale C. */
const validLanguage =
  "try{new Intl.NumberFormat(navigator.language)}catch{Object.defineProperty(navigator,'language',{value:'en'})}\n"

const uplot = (file: string) => readFileSync(createRequire(import.meta.url).resolve(`uplot/dist/${file}`), 'utf8')
