/**
 * The reference backend against PyTorch on random programs, with first and second derivatives
 * (vectors/make_random_programs.py).
 */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as K from '../../src/index.ts'
import { build, type Program } from './program.ts'

interface Answer {
  readonly shape: readonly number[]
  readonly dtype: K.DType
  readonly data: readonly number[]
}

const file = new URL('../../vectors/random-programs.json', import.meta.url)
const { programs } = JSON.parse(readFileSync(file, 'utf8')) as {
  programs: readonly (Program & { expected: readonly Answer[] })[]
}

let reference: K.Device
beforeAll(async () => {
  reference = await K.init({ backend: 'reference' })
})
afterAll(() => reference.dispose())

test(`${programs.length} programs give PyTorch's answers`, async () => {
  expect(programs.length).toBeGreaterThanOrEqual(300)
  const problems: string[] = []
  for (const [n, program] of programs.entries()) {
    const inputs = program.inputs.map((x) => reference.tensor(x.data, x.shape, x.dtype))
    const outs = build(program, inputs).map((t) => (t.device ? t : K.add(t, reference.tensor(0, [], t.dtype))))
    await reference.evaluate(outs)
    for (const [k, want] of program.expected.entries()) {
      const what = `program ${n}, result ${k}`
      expect([outs[k].shape, outs[k].dtype], what).toEqual([want.shape, want.dtype])
      const data = await outs[k].data()
      const scale = Math.max(1, ...want.data.map(Math.abs))
      const wrong = want.data.findIndex((w, i) => !(Math.abs(data[i] - w) <= 2e-4 * scale))
      if (wrong >= 0)
        problems.push(`${what}, element ${wrong}: ${data[wrong]}, PyTorch has ${want.data[wrong]} (largest ${scale})`)
    }
  }
  expect(problems).toEqual([])
})
