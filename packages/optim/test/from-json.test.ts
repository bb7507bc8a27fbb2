/** Optimizers and schedules from JSON, and their lists in README and guide. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { adamw, optimizerFromJSON, optimizerKinds, optimizers, scheduleKinds } from '../src/index.ts'

const params = { embed: Float32Array.of(1, 2), layers: [{ w: Float32Array.of(3, 4) }] }
const grads = { embed: Float32Array.of(0.5, -1), layers: [{ w: Float32Array.of(3, 0.1) }] }
const step = (optimizer: ReturnType<typeof adamw>) =>
  optimizer.update(grads, optimizer.init(params), params, optimizer.scalars(1, 0.1)).params

test('every optimizer is a kind, with its options', () => {
  for (const [kind, make] of Object.entries(optimizers)) {
    expect(optimizerFromJSON({ kind }).name, kind).toBe(kind)
    if (kind !== 'muon')
      expect(step(optimizerFromJSON({ kind, weightDecay: 0.5 }))).toEqual(step(make({ weightDecay: 0.5 })))
  }
  expect(optimizerFromJSON(JSON.parse('{ "kind": "adam", "epsilon": 1e-5 }')).epsilon).toBe(1e-5)
})

test('every optimizer and schedule is in the README and in the guide', () => {
  for (const file of ['../README.md', '../../../docs/optimizers.md']) {
    const text = readFileSync(new URL(file, import.meta.url), 'utf8')
    const untold = [...Object.keys(optimizers), ...Object.keys(scheduleKinds)].filter(
      (kind) => !new RegExp(`\`${kind}\\b`).test(text),
    )
    expect(untold, file).toEqual([])
  }
})

test('around others', () => {
  const optimizer = optimizerFromJSON({
    kind: 'chain',
    transforms: [{ kind: 'zclip' }, { kind: 'clipGlobalNorm', maxNorm: 1 }, { kind: 'clipValue', limit: 2 }],
    optimizer: {
      kind: 'averageWeights',
      decay: 0.9,
      optimizer: {
        kind: 'parameterGroups',
        groups: [
          { name: 'hidden', match: { includes: ['w'], excludes: ['embed'] }, optimizer: { kind: 'lion' } },
          { name: 'square', match: { dimensions: 2 }, optimizer: { kind: 'muon' } },
          { name: 'rest', optimizer: { kind: 'withDynamics', optimizer: { kind: 'adamw' } }, learningRateScale: 0.3 },
        ],
      },
    },
  })
  expect(optimizer.name).toBe(
    'zclip > clipGlobalNorm(1) > clipValue(2) > averageWeights(parameterGroups(hidden: lion, square: muon, rest: withDynamics(adamw)))',
  )
  const state = optimizer.init(params)
  expect(Object.keys(state['hidden.expAvg'])).toEqual(['layers.0.w'])
  expect(Object.keys(state['rest.expAvg'])).toEqual(['embed'])
})

test('kinds of one’s own come first, and wrong input is named', () => {
  const own = { adamw: () => adamw({ beta1: 0 }), plain: (d: any, parse: any) => parse(d.inside) }
  expect(optimizerFromJSON({ kind: 'plain', inside: { kind: 'adamw' } }, own).name).toBe('adamw')
  for (const [json, message] of [
    [null, /an optimizer must be an object with a kind, got null/],
    [{ kind: 'adamx' }, new RegExp(`unknown kind 'adamx'; known are ${Object.keys(optimizers).join(', ')}`)],
    [{ kind: 'constructor' }, /unknown kind 'constructor'/],
    [{ kind: 'adamw', beta3: 1 }, /adamw has no option 'beta3'; it has beta1, beta2, epsilon/],
    [{ kind: 'adamw', mask: 'w' }, /adamw has no option 'mask'/],
    [{ kind: 'adamw', beta1: '0.9' }, /adamw: beta1 must be a number, got '0.9'/],
    [{ kind: 'chain', transforms: {} }, /chain.transforms must be an array/],
    [{ kind: 'chain', transforms: [{ kind: 'adamw' }] }, /unknown kind 'adamw'; known are clipGlobalNorm/],
    [{ kind: 'parameterGroups', groups: [{ nam: 'a' }] }, /a parameter group has no option 'nam'/],
    [
      { kind: 'parameterGroups', groups: [{ name: 'a', optimizer: { kind: 'sgd' }, match: { path: 'x' } }] },
      /match of a parameter group has no option 'path'; it has dimensions/,
    ],
  ] as const)
    expect(() => optimizerFromJSON(json)).toThrow(message)
  let deep: object = { kind: 'sgd' }
  for (let i = 0; i < 100; i++) deep = { kind: 'averageWeights', decay: 0.5, optimizer: deep }
  expect(() => optimizerFromJSON(deep)).toThrow(/nested deeper than 32/)
  expect(Object.keys(optimizerKinds)).toEqual(expect.arrayContaining(Object.keys(optimizers)))
})
