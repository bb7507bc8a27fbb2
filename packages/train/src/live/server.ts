/** The server of the live page: on this machine alone, reading only, and for no other page than its own. Node only. */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import type { History } from './history.ts'
import { livePage } from './page.ts'
import type { PauseGate } from './pause.ts'

/** What is shown beside the charts. */
export interface LiveStatus {
  readonly name: string
  readonly state: 'training' | 'paused' | 'finished' | 'stopped' | 'failed'
  readonly step: number
  readonly steps: number
  readonly secondsLeft?: number
  readonly device?: string
  /** Held-out losses. */
  readonly evaluations: readonly (readonly [step: number, natsPerToken: number])[]
}

export interface LiveServerOptions {
  /** 0 takes any that is free. */
  readonly port: number
  readonly history: History
  readonly status: () => LiveStatus
  readonly gate: PauseGate
}

/** Milliseconds between two messages to a page. */
const interval = 250
/** Pages that are served at a time. */
const maxPages = 16
/** Bytes that wait for a slow page; it gets no more before they are gone. */
const maxWaiting = 4 * 2 ** 20

interface Page {
  readonly response: ServerResponse
  /** What it has been sent. */
  version: number
  next: number
}

export class LiveServer {
  /** What pause and resume have to show. */
  readonly token = randomBytes(12).toString('hex')
  private readonly options: LiveServerOptions
  private readonly server: Server
  private readonly pages = new Set<Page>()
  private readonly timer: NodeJS.Timeout
  private sent = ''

  private constructor(options: LiveServerOptions) {
    this.options = options
    this.server = createServer((request, response) => this.answer(request, response))
    this.timer = setInterval(() => this.tell(), interval)
    this.timer.unref()
  }

  /** @throws Error where the port is taken */
  static async start(options: LiveServerOptions): Promise<LiveServer> {
    const live = new LiveServer(options)
    await new Promise<void>((resolve, reject) => {
      live.server.once('error', (error: NodeJS.ErrnoException) => {
        clearInterval(live.timer)
        reject(
          new Error(
            error.code === 'EADDRINUSE'
              ? `port ${options.port} is taken by another program; give another one, or 0 for any that is free`
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

  /** Sends what is new to every page now. */
  tell(): void {
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
        // The last bucket goes again: it may have grown.
        const from = Math.max(0, page.next - 1)
        page.response.write(`data: ${JSON.stringify({ status: status(), history: history.part(from) })}\n\n`)
        page.next = history.length
      } else if (history.length > 0 && history.stride > 1) {
        page.response.write(`data: ${JSON.stringify({ history: history.part(history.length - 1) })}\n\n`)
      }
    }
  }

  /** Sends the last news and closes. */
  async close(): Promise<void> {
    clearInterval(this.timer)
    this.tell()
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
    // A name that another site's DNS gives this machine is not ours, and neither is a request that another page makes.
    const hosts = [`127.0.0.1:${this.port}`, `localhost:${this.port}`]
    const { host = '', origin } = request.headers
    if (!hosts.includes(host)) {
      refuse(403, `This page is ${this.url} and answers to no other name.`)
      return
    }
    if (origin !== undefined && !hosts.some((h) => origin === `http://${h}`)) {
      refuse(403, 'Other pages are refused.')
      return
    }
    const site = request.headers['sec-fetch-site']
    if (site !== undefined && site !== 'same-origin' && site !== 'none') {
      refuse(403, 'Other pages are refused.')
      return
    }
    const path = (request.url ?? '').split('?')[0]
    if (path === '/pause' || path === '/resume') {
      this.control(path, request, refuse, response)
      return
    }
    if (request.method !== 'GET') {
      refuse(405, 'Reading only.')
      return
    }
    if (path === '/events') {
      this.follow(request, response, refuse)
      return
    }
    const files: Record<string, [string, () => string]> = {
      '/': ['text/html', () => livePage(this.options.status().name)],
      '/uplot.js': ['text/javascript', () => soundLanguage + uplot('uPlot.iife.min.js')],
      '/uplot.css': ['text/css', () => uplot('uPlot.min.css')],
      '/page.js': ['text/javascript', () => livePage.script()],
    }
    const found = Object.hasOwn(files, path) ? files[path] : undefined
    if (!found) {
      refuse(404, 'There is no such page.')
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
      refuse(405, 'POST it.')
      return
    }
    const given = Buffer.from(String(request.headers.authorization ?? ''))
    const wanted = Buffer.from(`Bearer ${this.token}`)
    if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) {
      refuse(401, 'The token that the terminal shows is needed.')
      return
    }
    if (path === '/pause') this.options.gate.pause()
    else this.options.gate.resume()
    response.writeHead(204, guards)
    response.end()
    this.tell()
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

/** Nothing from elsewhere, in no frame, kept nowhere. */
const guards = {
  'Content-Security-Policy':
    "default-src 'none'; img-src data:; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-store',
  'Cross-Origin-Resource-Policy': 'same-origin',
}

/** uPlot asks for the browser's language, which in the locale C is none that Intl takes. */
const soundLanguage =
  "try{new Intl.NumberFormat(navigator.language)}catch{Object.defineProperty(navigator,'language',{value:'en'})}\n"

const uplot = (file: string) => readFileSync(createRequire(import.meta.url).resolve(`uplot/dist/${file}`), 'utf8')
