/** State of optimizers as JSON: exact to the bit, checked before it is decoded. */
import { expect, test } from 'vitest'
import { adafactor, adamw, chain, lion, parameterGroups, stateFromJSON, stateToJSON, zclip } from '../src/index.ts'

const optimizer = chain(
  zclip({ warmupSteps: 3 }),
  parameterGroups([
    { name: 'a', match: (path) => path.startsWith('layers'), optimizer: adamw({ momentDtype: 'bfloat16' }) },
    { name: 'b', match: (path) => path === 'table', optimizer: adafactor({ shapeOf: () => [5, 4] }) },
    { name: 'c', optimizer: lion() },
  ]),
)
// More than the base64 is made in at once.
const values = (length: number, seed: number) => Float32Array.from({ length }, (_, i) => Math.sin(seed + i * i))
const tree = (seed: number) => ({
  layers: [{ w: values(7001, seed), b: values(1, seed + 1) }],
  table: values(20, seed + 2),
  wide: Float64Array.from(values(7, seed + 3)),
})

/** globalNorm takes one kind of array only, so the double lies outside what is trained together. */
const make = (seed: number) => {
  const { wide: _, ...rest } = tree(seed)
  return rest
}

test('a run resumes from JSON bit for bit', () => {
  const run = (from: number, to: number, params: any, state: any) => {
    for (let step = from; step <= to; step++)
      ({ params, state } = optimizer.update(make(step), state, params, optimizer.scalars(step, 0.01)))
    return { params, state }
  }
  const start = make(0)
  const half = run(1, 5, start, optimizer.init(start))
  const text = JSON.stringify({ params: stateToJSON(half.params), state: stateToJSON(half.state) })
  const json = JSON.parse(text)
  const params = stateFromJSON(json.params, start)
  const state = stateFromJSON(json.state, optimizer.init(start))
  expect(stateToJSON(state)).toEqual(stateToJSON(half.state))
  const [went, whole] = [run(6, 9, params, state), run(1, 9, start, optimizer.init(start))]
  expect(stateToJSON(went)).toEqual(stateToJSON(whole))
})

test('every bit is kept', () => {
  const special = {
    f: Float32Array.of(Number.NaN, -0, Number.POSITIVE_INFINITY, 1e-45),
    d: Float64Array.of(-0, 5e-324, Number.NEGATIVE_INFINITY),
    h: Uint16Array.of(0x7fc0, 0x8000, 1),
    empty: new Float32Array(0),
  }
  const back = stateFromJSON(JSON.parse(JSON.stringify(stateToJSON(special))), special)
  for (const key of ['f', 'd', 'h', 'empty'] as const)
    expect(new Uint8Array(back[key].buffer)).toEqual(new Uint8Array(special[key].buffer))
})

test('what does not fit is named, before it is decoded', () => {
  const like = { m: { w: new Float32Array(2) } }
  const good = stateToJSON(like)
  const broken = (entry: unknown) => () => stateFromJSON({ 'm.w': entry }, like)
  expect(() => stateFromJSON(null, like)).toThrow(TypeError)
  expect(() => stateFromJSON({}, like)).toThrow(/m\.w must be \{ dtype, data \}, got undefined/)
  expect(() => stateFromJSON({ ...good, 'v.w': good['m.w'] }, like)).toThrow(
    /there is no v\.w in the optimizer's state/,
  )
  expect(broken({ dtype: 'float64', data: good['m.w'].data })).toThrow(
    /m\.w is 'float64' where the state has Float32Array/,
  )
  expect(broken({ dtype: 'constructor', data: 'AAAA' })).toThrow(/m\.w is 'constructor'/)
  expect(broken({ dtype: 'float32', data: 'A'.repeat(1000) })).toThrow(/1000 characters where 2 elements take 12/)
  expect(broken({ dtype: 'float32', data: '!!!!!!!!!!!!' })).toThrow(/is not base64/)
  expect(broken({ dtype: 'float32', data: 'AAAAAAAAAA==' })).toThrow(/holds 7 bytes where the state has 8/)
  expect(() => stateToJSON({ m: { shape: [1] } })).toThrow(TypeError)
  const hostile = JSON.parse('{"__proto__": {"dtype": "float32", "data": ""}}')
  expect(() => stateFromJSON(hostile, like)).toThrow(/there is no __proto__/)
})
