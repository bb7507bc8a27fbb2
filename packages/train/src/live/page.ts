/** The live page: HTML, styles, and the script that runs in the browser. */
import type uPlotType from 'uplot'
import type { HistoryPart } from './history.ts'
import type { LiveStatus } from './server.ts'

const escaped = (text: string) => text.replace(/[&<>"']/g, (c) => `&#${c.codePointAt(0)};`)

const style = `:root{color-scheme:light dark;--page:#fbfaf8;--card:#fff;--ink:#1c1b19;--soft:#5f5c56;--line:#e4e1da;--blue:#1f5fbf;--band:#1f5fbf33;--red:#b3261e}
@media(prefers-color-scheme:dark){:root{--page:#161614;--card:#1e1e1b;--ink:#ecebe6;--soft:#a8a59d;--line:#3a3933;--blue:#7aaef5;--band:#7aaef533;--red:#f2837a}}
*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Hiragino Sans","Noto Sans JP",sans-serif}
main{max-width:1180px;margin:0 auto;padding:24px 20px 48px}
h1{font-size:1.2rem;margin:0 0 12px;overflow-wrap:anywhere}
dl{display:flex;flex-wrap:wrap;margin:0 0 16px;border:1px solid var(--line);border-radius:10px;background:var(--card);overflow:hidden}
dl div{flex:1 1 auto;padding:8px 16px;box-shadow:1px 0 0 var(--line),0 1px 0 var(--line)}
dt{color:var(--soft);font-size:.8rem}dd{margin:0;font-weight:600;font-variant-numeric:tabular-nums}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,360px),1fr));gap:14px}
figure{margin:0;padding:10px 12px 4px;background:var(--card);border:1px solid var(--line);border-radius:10px;min-width:0}
figure.first{grid-column:1/-1}figcaption{font-weight:600;font-size:.92rem}
form{display:flex;flex-wrap:wrap;gap:8px;align-items:center;margin:0 0 16px}
label{color:var(--soft);font-size:.88rem}
input,button{font:inherit;color:inherit;background:var(--card);border:1px solid var(--soft);border-radius:7px;padding:4px 10px;min-width:0}
input{width:22ch}button:disabled{opacity:.45}
input:focus-visible,button:focus-visible{outline:2px solid var(--blue);outline-offset:2px}
#said{color:var(--red);font-size:.88rem}.note{color:var(--soft);font-size:.85rem}
.u-legend{font-size:.8rem;font-variant-numeric:tabular-nums}`

/** The HTML of a run's page. It loads everything from the same server. */
export function livePage(name: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><meta name="color-scheme" content="light dark">
<title>${escaped(name)}</title><link rel="stylesheet" href="/uplot.css"><link rel="icon" href="data:,"><style>${style}</style></head>
<body><main><h1>${escaped(name)}</h1>
<dl id="facts" aria-live="off"></dl>
<form id="control"><label for="token">Token from the terminal</label> <input id="token" name="token" type="password" autocomplete="off" spellcheck="false"><button id="toggle" type="submit">Pause</button><span id="said" role="status"></span></form>
<div class="charts" id="charts"></div>
<p class="note" id="note"></p></main>
<script src="/uplot.js"></script><script src="/page.js"></script></body></html>
`
}

/** The page's script. It defines `__name`, a helper that compilers insert calls of. */
livePage.script = (): string => `const __name = (f) => f;\n(${runPage})()\n`

interface Message {
  readonly status?: LiveStatus
  readonly history: HistoryPart
}

/**
 * Runs in the browser and draws the server's data. It is serialized, so it must not refer to anything outside itself.
 */
function runPage(): void {
  const uPlot = (globalThis as unknown as { uPlot: typeof uPlotType }).uPlot
  const at = (id: string) => document.getElementById(id) as HTMLElement
  const charts = at('charts')
  const titles: Record<string, string> = {
    loss: 'Loss, nats per token',
    gradNorm: 'Gradient norm, before clipping',
    learningRate: 'Learning rate',
    tokensPerSecond: 'Tokens per second',
    mfu: 'Model FLOPs utilization, relative to the measured peak',
    programBytes: 'Memory of the step, bytes',
    processBytes: 'Memory of the process, bytes',
  }
  const order = Object.keys(titles)
  const hidden = ['tokens', 'seconds', 'step', 'spike']
  let steps: number[] = []
  const series: Record<string, [(number | null)[], (number | null)[], (number | null)[]]> = {}
  const plots: Record<string, uPlotType> = {}
  let status: LiveStatus | undefined
  const color = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()
  const compact = (v: number | null | undefined) =>
    v === null || v === undefined || !Number.isFinite(v)
      ? '–'
      : Math.abs(v) >= 1e4
        ? Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 4 }).format(v)
        : String(Number(v.toPrecision(4)))

  const widthOf = (figure: HTMLElement) => Math.max(200, figure.clientWidth - 24)

  const make = (name: string) => {
    const figure = document.createElement('figure')
    if (name === 'loss') figure.className = 'first'
    figure.dataset.figure = name
    const caption = document.createElement('figcaption')
    caption.textContent = titles[name] ?? name
    figure.append(caption)
    // Known metrics in the order of `titles`, others after them by name.
    const rank = (n: string) => (order.includes(n) ? String(order.indexOf(n)).padStart(3, '0') : `z${n}`)
    const after = [...charts.children].find((c) => rank((c as HTMLElement).dataset.figure!) > rank(name))
    charts.insertBefore(figure, after ?? null)
    const axis = {
      stroke: () => color('--soft'),
      grid: { stroke: () => color('--line'), width: 1 },
      ticks: { show: false },
    }
    const values = (_: uPlotType, v: number | null) => compact(v)
    const line = (label: string, stroke: string, more = {}) => ({
      label,
      stroke: () => color(stroke),
      value: values,
      width: 1.5,
      points: { show: false },
      ...more,
    })
    plots[name] = new uPlot(
      {
        width: widthOf(figure),
        height: name === 'loss' ? 320 : 190,
        padding: [8, 22, 0, 0],
        scales: { x: { time: false }, y: name === 'gradNorm' ? { distr: 3 } : {} },
        axes: [
          { ...axis, size: 34, values: (_, ticks) => ticks.map(compact) },
          { ...axis, size: 64, values: (_, ticks) => ticks.map((t) => (t === null ? '' : compact(t))) },
        ],
        series: [
          { label: 'step' },
          line('mean', '--blue'),
          line('lowest', '--band', { width: 0 }),
          line('highest', '--band', { width: 0 }),
          ...(name === 'loss'
            ? [line('held-out', '--red', { width: 0, points: { show: true, size: 7, fill: () => color('--red') } })]
            : []),
        ],
        bands: [{ series: [3, 2], fill: () => color('--band') }],
        cursor: { sync: { key: 'run' } },
      },
      dataOf(name),
      figure,
    )
  }

  const dataOf = (name: string): uPlotType.AlignedData => {
    const data = [steps, ...series[name]] as (number | null)[][]
    if (name === 'loss') {
      const held: (number | null)[] = steps.map(() => null)
      for (const [step, loss] of status?.evaluations ?? []) {
        const i = steps.findIndex((s) => s >= step)
        if (i >= 0) held[i] = loss
      }
      data.push(held)
    }
    return data as uPlotType.AlignedData
  }

  let due = false
  const draw = () => {
    due = false
    for (const name of Object.keys(series)) {
      if (!plots[name]) make(name)
      else plots[name].setData(dataOf(name))
    }
  }

  const fact = (name: string, value: string) => {
    const box = document.createElement('div')
    const [dt, dd] = [document.createElement('dt'), document.createElement('dd')]
    dt.textContent = name
    dd.textContent = value
    box.append(dt, dd)
    return box
  }
  const duration = (seconds: number) =>
    seconds < 100
      ? `${Math.round(seconds)} s`
      : seconds < 6000
        ? `${Math.round(seconds / 60)} min`
        : `${(seconds / 3600).toFixed(1)} h`
  const last = (name: string) => series[name]?.[0].at(-1)

  const show = (state: LiveStatus) => {
    const evaluation = state.evaluations.at(-1)
    at('facts').replaceChildren(
      fact('State', state.state),
      fact('Step', `${state.step.toLocaleString('en')} of ${state.steps.toLocaleString('en')}`),
      fact('Loss', compact(last('loss'))),
      ...(evaluation ? [fact('Held-out', compact(evaluation[1]))] : []),
      fact('Tokens per second', compact(last('tokensPerSecond'))),
      ...(state.secondsLeft !== undefined && state.state === 'training'
        ? [fact('Time left', duration(state.secondsLeft))]
        : []),
      ...(state.device ? [fact('Device', state.device)] : []),
    )
    const button = at('toggle') as HTMLButtonElement
    button.textContent = state.state === 'paused' ? 'Resume' : 'Pause'
    button.disabled = state.state !== 'paused' && state.state !== 'training'
    document.title = `${state.step} · ${document.querySelector('h1')!.textContent}`
  }

  const take = ({ status: news, history }: Message) => {
    const { from, stride, series: parts } = history
    steps = [...steps.slice(0, from), ...history.steps]
    for (const name of new Set([...Object.keys(series), ...Object.keys(parts)])) {
      if (hidden.includes(name)) continue
      const known = series[name] ?? [[], [], []]
      series[name] = [0, 1, 2].map((k) => {
        const before = known[k].slice(0, from)
        while (before.length < from) before.push(null)
        return [...before, ...(parts[name] ?? history.steps.map(() => null)).map((v) => (v ? v[k] : null))]
      }) as (typeof series)[string]
    }
    if (news) status = news
    at('note').textContent =
      stride > 1
        ? `Each point is the mean of ${stride.toLocaleString('en')} steps, with the range from lowest to highest.`
        : ''
    if (status) show(status)
    if (!due) {
      due = true
      requestAnimationFrame(draw)
    }
  }

  const events = new EventSource('/events')
  events.onmessage = ({ data }) => take(JSON.parse(data))
  events.onerror = () => {
    at('said').textContent =
      status && status.state !== 'training' && status.state !== 'paused'
        ? ''
        : 'The run cannot be reached; trying again.'
  }
  events.onopen = () => {
    at('said').textContent = ''
  }

  at('control').addEventListener('submit', async (event) => {
    event.preventDefault()
    const token = (at('token') as HTMLInputElement).value.trim()
    const path = status?.state === 'paused' ? '/resume' : '/pause'
    const response = await fetch(path, { method: 'POST', headers: { Authorization: `Bearer ${token}` } })
    at('said').textContent = response.ok ? '' : (await response.text()).trim()
  })

  let resizing: ReturnType<typeof setTimeout> | undefined
  addEventListener('resize', () => {
    clearTimeout(resizing)
    resizing = setTimeout(() => {
      for (const [name, plot] of Object.entries(plots))
        plot.setSize({ width: widthOf(plot.root.parentElement!), height: name === 'loss' ? 320 : 190 })
    }, 100)
  })
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    for (const plot of Object.values(plots)) plot.redraw(false)
  })
}
