/** The comparison of precision policies. */
import { expect, test } from 'vitest'
import { type PolicyComparison, type PrecisionRun, policyFindings, precisionReport } from '../src/index.ts'
import { parse } from './svg.ts'

const layer = (block: number, matrix: string) => `model.layers.${block}.mlp.${matrix}.weight`
const gradients = ['model.embed_tokens.weight', layer(0, 'up_proj'), layer(1, 'down_proj')]

/** Losses that fall to FLOOR; of its second layer a hundredth of the inputs are clipped. */
function run(policy: string, seed: number, floor: number): PrecisionRun {
  const fit = { amax: [1, 2], saturated: [0, 0], underflow: [0, 0] }
  const fp8 = policy.startsWith('fp8')
  return {
    policy,
    seed,
    losses: Array.from({ length: 40 }, (_, i) => floor + 1 / (i + 1)),
    blocks: 2,
    gradients,
    layers: fp8 ? gradients.slice(1) : [],
    probes: [20, 40].map((step) => ({
      step,
      sqnr: [null, fp8 ? 20 : 40, fp8 ? 24 : 44],
      fit: { input: { ...fit, saturated: [0, 0.01] }, weight: fit, gradient: fit },
    })),
  }
}

const comparison = (policy: string, more: Partial<PolicyComparison> = {}): PolicyComparison => ({
  policy,
  baseline: 'bf16',
  seeds: 3,
  heldOut: 3,
  pairs: 3,
  difference: 0.02,
  halfWidth: 0.01,
  tokensPerSecond: 1000,
  peakBytes: 1e6,
  spikes: 0,
  clippedSteps: 0,
  failed: 0,
  ...more,
})

const setting = {
  heading: 'nano <1>',
  runs: [1, 2, 3].flatMap((seed) => [run('bf16', seed, 3), run('fp8-hybrid', seed, 3.02)]),
  comparisons: [comparison('bf16', { difference: 0, halfWidth: 0 }), comparison('fp8-hybrid')],
}

test('policies are compared in a table, in sentences, in curves and layer by layer', () => {
  const document = parse(precisionReport([setting], { about: ['Where & when'] }))
  expect(document.querySelector('h2')!.textContent).toBe('nano <1>')
  expect(document.querySelector('p')!.textContent).toBe('Where & when')
  const rows = [...document.querySelectorAll('table')[0].querySelectorAll('tbody tr')].map((row) => row.textContent)
  expect(rows).toHaveLength(2)
  expect(rows[1]).toContain('+0.0100 to +0.0300')
  expect(document.querySelector('li')!.textContent).toContain('fp8-hybrid is worse than bf16: +0.0200 nats per token')
  const titles = [...document.querySelectorAll('figcaption, .figures b, h3')].map((e) => e.textContent)
  expect(titles).toContain('How values fit 8 bits')
  // Each policy has a table by block and one by matrix; the median of a block's only matrix is that matrix.
  const heat = [...document.querySelectorAll('table.heat')].map((t) => t.textContent)
  expect(heat).toHaveLength(4)
  expect(heat[0]).toContain('block 040.040.0block 144.044.0')
  expect(heat[3]).toContain('1 down_proj24.024.0')
  // The worst tensor is named by its block and matrix.
  expect(document.body.textContent).toContain('1 % (1 down_proj)')
})

test('says no more than the pairs of seeds allow', () => {
  const said = (more: Partial<PolicyComparison>) => policyFindings([comparison('fp8', more)])[0]
  expect(said({ halfWidth: 0.05 })).toMatch(/cannot be distinguished from bf16 with 3 seeds/)
  expect(said({ difference: -0.02 })).toMatch(/is better than bf16/)
  expect(said({ pairs: 1, halfWidth: undefined, failed: 2 })).toMatch(/1 seed, too few.*diverged in 2 of 3/)
  expect(said({ pairs: 0, difference: Number.NaN })).toMatch(/no seed in common/)
  expect(said({ failed: 3 })).toBe('fp8 diverged in every one of 3 seeds.')
  expect(policyFindings([comparison('bf16')])).toEqual([])
})

test('a setting without runs is refused by its heading', () => {
  expect(() => precisionReport([{ ...setting, runs: [] }])).toThrow(
    /'nano <1>' needs at least one run and one comparison, has 0 runs and 2 comparisons/,
  )
})
