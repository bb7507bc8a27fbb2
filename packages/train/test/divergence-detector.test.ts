/** Detection of divergence from losses and gradient norms. */
import { expect, test } from 'vitest'
import { DivergenceDetector } from '../src/node.ts'

/** Small changes that look like noise and are the same every time. */
const noise = (i: number) => 0.05 * Math.sin(i * 12.9898)

function watched(losses: readonly number[], gradNorm: (i: number) => number = () => 1): (number | undefined)[] {
  const detector = new DivergenceDetector()
  return losses.map((loss, i) => {
    detector.push({ step: i + 1, loss, gradNorm: gradNorm(i) })
    return detector.since
  })
}

const falling = Array.from({ length: 200 }, (_, i) => 4 + 3 * Math.exp(-i / 40) + noise(i))

test('a run that learns does not diverge', () => {
  expect(new Set(watched(falling))).toEqual(new Set([undefined]))
})

test('a loss that jumps and stays has diverged since the jump, one that comes back has not any more', () => {
  const stuck = watched([...falling, ...Array.from({ length: 300 }, (_, i) => 7.6 + noise(i))])
  expect([stuck[199], stuck[200], stuck.at(-1)]).toEqual([undefined, 201, 201])
  const back = watched([...falling, 9, 8, 7, ...Array.from({ length: 40 }, (_, i) => 4 + noise(i))])
  expect([back[200], back.at(-1)]).toEqual([201, undefined])
})

test('a NaN loss, a vanished gradient and a slow rise are divergence', () => {
  expect(watched([...falling, Number.NaN]).at(-1)).toBe(201)
  expect(watched(falling, (i) => (i < 150 ? 1 : 0)).at(-1)).toBe(151)
  const climbing = watched([...falling, ...Array.from({ length: 400 }, (_, i) => 4 + i / 200 + noise(i))])
  expect(climbing.at(-1)).toBeLessThan(330)
  expect(climbing.at(-1)).toBeGreaterThan(190)
})
