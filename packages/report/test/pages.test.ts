/** The `html` template, the page and its parts. */
import { describe, expect, test } from 'vitest'
import { facts, figure, html, logReport, page, table } from '../src/index.ts'
import { parse } from './svg.ts'

const evil = `"><script>alert('x')</script>&\u0000`

describe('html', () => {
  test('escapes text, keeps markup, joins arrays, leaves undefined out', () => {
    const inner = html`<b title="${evil}">${evil}</b>`
    expect(inner.text).not.toMatch(/<script|alert\('x/)
    expect(inner.text).not.toContain('\u0000')
    for (const other of [null, false, {}, 1n])
      expect(() => html`${other as never}`).toThrow(`html: a value must be a text, a number, what html or raw made`)
    expect(html`${[inner, 1, undefined, 'a<b']}`.text).toBe(`${inner.text}1a&lt;b`)
  })
})

describe('page', () => {
  const made = page({
    title: evil,
    headline: evil,
    body: [table([evil], [[evil]], { caption: evil }), facts([[evil, evil]])],
  })

  test('is one document that asks for nothing from elsewhere', () => {
    expect(made).not.toMatch(/<script|alert\('x|\b(src|href)=|url\(|@import|https?:/)
    expect(made).toContain(
      `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`,
    )
    const document = parse(made)
    expect(document.querySelector('html')!.getAttribute('lang')).toBe('en')
    expect(document.querySelectorAll('h1')).toHaveLength(1)
    expect(document.querySelector('meta[name=viewport]')!.getAttribute('content')).toContain('width=device-width')
    expect(document.querySelector('.headline')!.textContent).toContain('<script>alert')
  })

  test('has colours for light and dark, and a form for narrow screens and paper', () => {
    for (const rule of [
      'color-scheme:light dark',
      'prefers-color-scheme:dark',
      'max-width:760px',
      '@media print',
      ':focus-visible',
    ])
      expect(made).toContain(rule)
  })

  test('tables that scroll can be reached by keyboard and have a name', () => {
    const region = parse(
      page({ title: 'x', body: table(['a', 'b'], [['1', '2']], { caption: 'Numbers' }) }),
    ).querySelector('.scroll')!
    expect(region.getAttribute('tabindex')).toBe('0')
    expect(region.getAttribute('role')).toBe('region')
    expect(region.getAttribute('aria-label')).toBe('Numbers')
    expect([...region.querySelectorAll('th')].map((th) => th.getAttribute('scope'))).toEqual(['col', 'col', 'row'])
  })

  test('a large figure is drawn for wide and for narrow screens', () => {
    const widths: number[] = []
    const markup = figure('Loss', (width) => `<svg data-w="${widths.push(width)}"></svg>`)
    expect(widths).toEqual([1016, 360])
    expect(markup.text).toMatch(/class="wide">.*class="narrow">/s)
  })
})

test('a log of another program beside its plan: what is not in it is left out, and nothing of it is markup', () => {
  const readings = Array.from({ length: 12 }, (_, i) => ({ step: i + 1, loss: i === 6 ? 9 : 3, seconds: 15 }))
  const plan = {
    comparisons: [{ what: 'step', unit: 's', predicted: 12, measured: 15 }] as const,
    verdict: ['a step takes <b>25 %</b> longer'],
  }
  const summary = { step: 12, steps: 100, loss: 3, secondsPerStep: 15, secondsLeft: 1320, skipped: 0 }
  const log = { title: 'run.log', readings, summary, spikes: [7], validations: [{ step: 10, loss: 3.1 }] }
  const html = logReport({ ...log, plan })
  expect(html).toContain('Step 12 of 100, loss 3.000, 22 min left, a step takes &lt;b&gt;25 %&lt;/b&gt; longer.')
  expect(html).toContain('+25.0 %')
  expect(html).toContain('plan 12 s')
  expect(html).not.toContain('Gradient norm')
  const alone = logReport(log)
  expect(alone).not.toContain('Comparison with the plan')
  expect(alone).toContain('3.100 at step 10')
  expect(() => logReport({ ...log, readings: [] })).toThrow(/readings must hold at least one step, got none/)
})
