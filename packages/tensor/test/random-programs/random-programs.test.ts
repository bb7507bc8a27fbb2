/**
 * Random programs over all operations, run eagerly, step by step, compiled, compiled again and with donation, on every
 * backend, compared with the reference; `verify` checks each graph and plan. `random-programs.deep.ts` runs more of
 * them.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as K from '../../src/index.ts'
import { inspection } from '../../src/passes/inspection.ts'
import { verifyPasses } from '../../src/passes/verify.ts'
import { checkSeed } from './check.ts'
import { moveTable } from './moves.ts'

let reference: K.Device
const devices: Record<string, K.Device> = {}
beforeAll(async () => {
  reference = await K.init({ backend: 'reference' })
  for (const backend of ['cpu', 'webgpu'] as const) devices[backend] = await K.init({ backend, threads: 2 })
  verifyPasses()
})
afterAll(() => {
  for (const key of Object.keys(inspection)) delete inspection[key as keyof typeof inspection]
  for (const d of [reference, ...Object.values(devices)]) d.dispose()
})

describe.each([
  ['cpu', 240],
  ['webgpu', 32],
] as const)('on %s', (backend, count) => {
  test(`${count} programs give what the reference gives`, async () => {
    let loose = 0
    for (let seed = 0; seed < count; seed++) {
      const verdict = await checkSeed(seed, reference, [devices[backend]])
      if (verdict.problem) throw new Error(`${verdict.problem}\n${JSON.stringify(verdict.program)}`)
      if (verdict.loose) loose++
    }
    // A value between two codes of a narrow format may go either way. That is rare.
    expect(loose).toBeLessThanOrEqual(count / 40)
  })
})

test('every operation has a move', () => {
  const others = [
    ...['fromDevice', 'init', 'compile', 'grad', 'valueAndGrad', 'apply', 'apply1', 'defineOp', 'isTensor', 'flatten'],
    ...[
      'mapTensors',
      'tensorsOf',
      'isFloat',
      'chromeTrace',
      'measureCeilings',
      'cpuAddressableBytes',
      'profile',
      'profileRows',
      'profileTable',
    ],
    // Their results depend on functions that backends compute to different last bits.
    ...['randomNormal', 'categorical'],
    'rotaryTables',
    // It runs programs of its own: test/scan.test.ts.
    'compileScan',
    // Of vjp and vmap: test/transforms.test.ts.
    ...['hessian', 'jacobian'],
  ]
  const operations = Object.entries(K).filter(([, f]) => typeof f === 'function' && !/^class /.test(String(f)))
  const covered = new Set([...moveTable].flatMap(([name, { covers = [name] }]) => covers))
  const without = operations.map(([name]) => name).filter((name) => !covered.has(name) && !others.includes(name))
  expect(without, 'each needs a move in one of the files that moves.ts lists').toEqual([])
})
