/** What a user passes by mistake is named, by every function that takes options, an optimizer or a state. */
import { describe, expect, test } from 'vitest'
import * as optim from '../src/index.ts'

const { adafactor, adamw, averageWeights, chain, clipGlobalNorm, constant, cooldown, muon, parameterGroups } = optim
const any = optim as unknown as Record<string, (...args: unknown[]) => unknown>

const withOptions = [
  ...['wsd', 'cosine', 'linear', 'polynomial', 'exponential', 'cosineRestarts', 'inverseSqrt', 'oneCycle'],
  ...['sgd', 'adam', 'adamw', 'lion', 'muon', 'adafactor', 'zclip', 'spikeDetector'],
  ...['continueThroughSpikes', 'skipBatches', 'rewindAndSkip'],
]

describe.each(withOptions)('%s', (name) => {
  test.each([null, 3, 'x', true])('options %j', (options) => {
    expect(() => any[name](options)).toThrow(
      new RegExp(`^${name}: options must be an object.*, got ${typeof options === 'string' ? `'x'` : options}$`),
    )
  })
})

test('a schedule without its options says which it needs', () => {
  expect(() => any.wsd()).toThrow('wsd: options must be an object with peak, steps and decaySteps, got undefined')
  expect(() => cooldown(constant(1), undefined as never)).toThrow(
    'cooldown: options must be an object with start and steps, got undefined',
  )
})

test.each(['averageWeights', 'skipNonFinite', 'withDynamics'])('%s of what is no optimizer', (name) => {
  for (const given of [undefined, null, {}, clipGlobalNorm(1)])
    expect(() => any[name](given, { decay: 0.9 })).toThrow(`${name}: optimizer must be an optimizer, such as adamw()`)
  expect(() => any[name](adamw(), null)).toThrow(`${name}: options must be an object`)
})

test('averageWeights without its decay, groups that are none', () => {
  expect(() => any.averageWeights(adamw())).toThrow('averageWeights: options must be an object with decay')
  expect(averageWeights(adamw(), { decay: 0.9 }).name).toBe('averageWeights(adamw)')
  expect(() => any.parameterGroups()).toThrow('parameterGroups: groups must be an array, got undefined')
  expect(() => any.parameterGroups({ name: 'a' })).toThrow('parameterGroups: groups must be an array, got Object')
  expect(() => any.parameterGroups([null])).toThrow('parameterGroups: groups[0] must be an object')
  expect(() => parameterGroups([{ name: 'a', optimizer: {} as never }])).toThrow(
    'parameterGroups: groups[0].optimizer must be an optimizer',
  )
})

test.each([0, -1, Number.NaN, 'x'])('clipping to %j is refused when the chain is made', (limit) => {
  for (const name of ['clipGlobalNorm', 'clipValue']) expect(() => any[name](limit)).toThrow(`${name}: `)
})

test('functions that are none', () => {
  expect(() => adamw({ mask: 'x' as never })).toThrow("adamw: mask must be a function, got 'x'")
  expect(() => muon({ mask: {} as never })).toThrow('muon: mask must be a function, got Object')
  expect(() => adafactor({ shapeOf: { w: [3] } as never })).toThrow('adafactor: shapeOf must be a function, got Object')
  expect(() => any.elementwiseOptimizer()).toThrow('elementwiseOptimizer: rule must be an object with name')
  expect(() => any.elementwiseOptimizer({ name: 'own', moments: [] })).toThrow('own: scalars must be a function')
})

test.each([
  ['adamw', adamw()],
  ['muon', muon({ shapeOf: () => [1, 2] })],
  ['chain', chain(clipGlobalNorm(1), adamw())],
  ['averageWeights', averageWeights(adamw(), { decay: 0.5 })],
])('%s.update without a state or scalars says where they come from', (_, optimizer) => {
  const params = { w: Float32Array.of(1, 2) }
  const grads = { w: Float32Array.of(1, 2) }
  const scalars = optimizer.scalars(1, 0.1)
  expect(() => optimizer.update(grads, undefined as never, params, scalars)).toThrow(
    /state must be an object with the moments that the optimizer's init made, got undefined/,
  )
  expect(() => optimizer.update(grads, optimizer.init(params), params, undefined as never)).toThrow(
    /scalars must be an object with the numbers of scalars\(step, learningRate\), got undefined/,
  )
})
