/** Colours of series: contrast on light and dark pages, and distance under colour-vision deficiency. */
import { expect, test } from 'vitest'
import { colorOf, colors, dashOf } from '../src/svg/colors.ts'

// Machado, Oliveira and Fernandes (2009), severity 1, on linear sRGB; distances in OKLab.
const visions: Record<string, readonly number[]> = {
  usual: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  protanopia: [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998],
  deuteranopia: [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881],
  tritanopia: [1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039],
}
const linear = (hex: string) =>
  [1, 3, 5]
    .map((i) => Number.parseInt(hex.slice(i, i + 2), 16) / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
const through = (m: readonly number[], c: readonly number[]) =>
  [0, 3, 6].map((row) => Math.min(1, Math.max(0, m[row] * c[0] + m[row + 1] * c[1] + m[row + 2] * c[2])))
function oklab([r, g, b]: readonly number[]): number[] {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b)
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b)
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b)
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ]
}
function nearest(hexes: readonly string[], matrix: readonly number[]): number {
  const labs = hexes.map((hex) => oklab(through(matrix, linear(hex))))
  return Math.min(
    ...labs.flatMap((a, i) => labs.slice(0, i).map((b) => 100 * Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]))),
  )
}
const luminance = (hex: string) => {
  const [r, g, b] = linear(hex)
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

test.each(Object.entries(visions))('the colours are told apart with %s vision', (_, matrix) => {
  expect(nearest(colors, matrix)).toBeGreaterThan(8)
  expect(nearest(colors.slice(0, 4), matrix)).toBeGreaterThan(15)
})

test('the colours stand out on light and on dark pages', () => {
  for (const color of colors) {
    expect(1.05 / (luminance(color) + 0.05), `${color} on white`).toBeGreaterThan(2.85)
    expect((luminance(color) + 0.05) / (luminance('#161614') + 0.05), `${color} on dark`).toBeGreaterThan(2.85)
  }
})

test('a ninth series has the first colour and a dash', () => {
  expect([colorOf(8), dashOf(8), dashOf(0)]).toEqual([colors[0], '6 3', ''])
})
