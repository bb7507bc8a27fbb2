// The diagrams that @kumiki/report has no chart for: a grid of GPUs, and the bits of a number.
import { encode, round } from '@kumiki/numerics'
import type { Say } from './numbers.ts'

const style =
  '<style>svg:root{color-scheme:light dark;color:CanvasText}text{font:13px system-ui,sans-serif;fill:currentColor}.small{font-size:11px}</style>'
const picture = (width: number, height: number, title: string, body: string) =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${title}">${style}${body}</svg>`

const colours = ['#4269d0', '#efb118', '#ff725c', '#6cc5b0']

/**
 * DP 2 x TP 2 x PP 2: replicas and the halves of each matrix from left to right, pipeline stages from top to bottom.
 */
export function gridPicture(say: Say): string {
  const cells: string[] = []
  for (let dp = 0; dp < 2; dp++)
    for (let pp = 0; pp < 2; pp++)
      for (let tp = 0; tp < 2; tp++) {
        const [x, y] = [90 + dp * 280 + tp * 125, 50 + pp * 80]
        cells.push(
          `<rect x="${x}" y="${y}" width="115" height="64" rx="6" fill="${colours[pp * 2 + tp]}" fill-opacity=".35" stroke="${colours[pp * 2 + tp]}"/>`,
          `<text x="${x + 57}" y="${y + 30}" text-anchor="middle">GPU ${dp * 4 + pp * 2 + tp + 1}</text>`,
          `<text x="${x + 57}" y="${y + 48}" text-anchor="middle" class="small">${say(`half ${tp + 1} of stage ${pp + 1}`, `ステージ ${pp + 1}、分割 ${tp + 1}`)}</text>`,
        )
      }
  const labels = [0, 1].map(
    (dp) =>
      `<text x="${210 + dp * 280}" y="30" text-anchor="middle">${say(`replica ${dp + 1}: its own data`, `複製 ${dp + 1} (別のデータ)`)}</text>`,
  )
  const stages = [0, 1].map(
    (pp) =>
      `<text x="10" y="${86 + pp * 80}">${pp ? say('layers above', '出力側の層') : say('layers below', '入力側の層')}</text>`,
  )
  return picture(
    640,
    210,
    say('Eight GPUs by replica, stage and half', '複製、ステージ、分割ごとの 8 GPU'),
    [...labels, ...stages, ...cells].join(''),
  )
}

/** The bits of a number in four formats; sign, exponent and fraction have a colour each. */
export function bitsPicture(value: number, say: Say): string {
  const float32 = new Uint32Array(Float32Array.of(value).buffer)[0]
  const rows = [
    { name: 'float32', code: float32, bits: 32, exponent: 8, value: Math.fround(value) },
    { name: 'bfloat16', code: encode('bfloat16', value), bits: 16, exponent: 8, value: round('bfloat16', value) },
    {
      name: 'float8_e4m3fn',
      code: encode('float8_e4m3fn', value),
      bits: 8,
      exponent: 4,
      value: round('float8_e4m3fn', value),
    },
    {
      name: 'float8_e5m2',
      code: encode('float8_e5m2', value),
      bits: 8,
      exponent: 5,
      value: round('float8_e5m2', value),
    },
  ]
  const body = rows.map(({ name, code, bits, exponent, value }, row) => {
    const y = 36 + row * 40
    const digits = code.toString(2).padStart(bits, '0').split('')
    const cells = digits.map((digit, i) => {
      const colour = colours[i === 0 ? 2 : i <= exponent ? 0 : 1]
      const x = 120 + i * 15
      return `<rect x="${x}" y="${y}" width="13" height="20" rx="2" fill="${colour}" fill-opacity=".35" stroke="${colour}"/><text x="${x + 6.5}" y="${y + 14}" text-anchor="middle" class="small">${digit}</text>`
    })
    return `<text x="4" y="${y + 15}">${name}</text>${cells.join('')}<text x="${130 + bits * 15}" y="${y + 15}" class="small">= ${Number(value.toPrecision(9))}</text>`
  })
  const keys = [say('sign', '符号部'), say('exponent', '指数部'), say('fraction', '仮数部')].map((label, i) => {
    const colour = colours[[2, 0, 1][i]]
    return `<rect x="${120 + i * 100}" y="8" width="13" height="13" rx="2" fill="${colour}" fill-opacity=".35" stroke="${colour}"/><text x="${140 + i * 100}" y="19" class="small">${label}</text>`
  })
  return picture(
    760,
    200,
    say(`The bits of ${value} in four formats`, `四つの形式での ${value} のビット`),
    keys.join('') + body.join(''),
  )
}
