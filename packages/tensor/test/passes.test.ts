/** Each pass on its own, without a device. */
import { describe, expect, test } from 'vitest'
import type { DType } from '../src/dtype.ts'
import type { Graph } from '../src/graph/graph.ts'
import { graphOrder } from '../src/graph/graph.ts'
import { makeNode } from '../src/graph/node.ts'
import {
  add,
  apply,
  broadcastTo,
  cast,
  concatenate,
  cos,
  equal,
  exp,
  iota,
  linearCrossEntropy,
  matmul,
  mul,
  sin,
  sliceAxis,
  square,
  sum,
  Tensor,
  transpose,
  valueAndGrad,
  where,
} from '../src/index.ts'
import { crossEntropyOp } from '../src/ops/cross-entropy.ts'
import { inputOp } from '../src/ops/leaf.ts'
import { expand } from '../src/passes/expand.ts'
import { fuse } from '../src/passes/fuse.ts'
import { materialize } from '../src/passes/materialize.ts'
import { type Plan, planGraph } from '../src/passes/plan.ts'
import { Resolver } from '../src/passes/resolve.ts'
import { shareResults } from '../src/passes/share-results.ts'
import { simplify } from '../src/passes/simplify.ts'
import { sinkPositions } from '../src/passes/sink-positions.ts'
import { sinkUpcasts } from '../src/passes/sink-upcasts.ts'
import { verifyGraph, verifyGroups, verifyPlan } from '../src/passes/verify.ts'

function input(shape: number[], dtype: DType = 'float32'): Tensor {
  return new Tensor(makeNode(inputOp, [], { index: 0, shape, dtype }, [{ shape, dtype }]).outputs[0], undefined)
}

const graphOf = (inputs: readonly Tensor[], outputs: readonly Tensor[]): Graph => ({
  inputs: inputs.map((t) => t.value),
  outputs: outputs.map((t) => t.value),
})
const opsOf = (graph: Graph) => graphOrder(graph).map((n) => n.op.name)
const limits = { operands: 8, nodes: 100 }
const planOf = (graph: Graph, donated: readonly number[] = [], temporaryAlignment?: number): Plan => {
  const preferred = graph.outputs.map((_, i) => donated[i] ?? -1)
  return planGraph(graph, { limits, donated: new Set(donated), preferred, temporaryAlignment })
}
const groupsOf = (graph: Graph) => {
  const ready = materialize(graph)
  return { ready, groups: fuse(ready, new Resolver(ready.inputs), limits) }
}

describe('simplify', () => {
  test('equal nodes are one, neutral ones none, and only -0 is neutral in a sum', () => {
    const x = input([4])
    const same = simplify(graphOf([x], [sin(x).add(sin(x))]))
    expect(opsOf(same).filter((name) => name === 'sin')).toHaveLength(1)
    expect(opsOf(simplify(graphOf([x], [x.mul(1).div(1).sub(0).exp()])))).toEqual(['exp'])
    expect(opsOf(simplify(graphOf([x], [x.add(-0).exp()])))).toEqual(['exp'])
    expect(opsOf(simplify(graphOf([x], [x.add(0).exp()])))).toContain('add')
  })

  test('a transposed product is the product of transposes', () => {
    const [a, b] = [input([3, 4]), input([4, 5])]
    const simple = simplify(graphOf([a, b], [transpose(matmul(a, b))]))
    expect(opsOf(simple).at(-1)).toBe('matmul')
    expect(simple.outputs[0].shape).toEqual([5, 3])
  })
})

test('an upcast is done by each elementwise reader, so that the narrow value is what is kept', () => {
  const x = input([8], 'bfloat16')
  const wide = cast(x, 'float32')
  const sunk = sinkUpcasts(graphOf([x], [sin(wide), cos(wide)]))
  expect(opsOf(sunk).filter((name) => name === 'cast')).toHaveLength(2)
  verifyGraph(sunk, 'sink upcasts')
})

describe('results that another op computes too', () => {
  const [x, w, ids] = [input([6, 8]), input([20, 8]), input([6], 'int32')]
  const loss = (p: Tensor[]) => linearCrossEntropy(p[0], p[1], ids, { chunk: 10 })
  const shared = ({ value, grads }: { value: Tensor; grads: Tensor[] }) =>
    shareResults(graphOf([x, w, ids], [value, ...grads]))

  test('a loss is taken from its gradient, and what reads it comes after that', () => {
    const graph = shared(valueAndGrad((p: Tensor[]) => sum(loss(p)))([x, w]))
    verifyGraph(graph, 'share results')
    expect(opsOf(graph)).toContain('linearCrossEntropyGradient')
    expect(opsOf(graph)).not.toContain('linearCrossEntropy')
    const nodes = graphOrder(graph)
    const orderOf = (name: string) => nodes.find((n) => n.op.name === name)!.order
    expect(orderOf('sum')).toBeGreaterThan(orderOf('linearCrossEntropyGradient'))
  })

  test('two losses, each from its own gradient', () => {
    const graph = shared(
      valueAndGrad((p: Tensor[]) => sum(loss(p)).add(sum(loss([p[1], p[0]]).slice([0], [1]))))([
        x,
        w.slice([0, 0], [6, 8]),
      ]),
    )
    verifyGraph(graph, 'share results')
    expect(opsOf(graph).filter((name) => name.startsWith('linearCrossEntropy'))).toEqual([
      'linearCrossEntropyGradient',
      'linearCrossEntropyGradient',
    ])
  })

  test('a gradient that depends on the loss keeps it', () => {
    const graph = shared(valueAndGrad((p: Tensor[]) => sum(square(loss(p))))([x, w]))
    verifyGraph(graph, 'share results')
    expect(opsOf(graph)).toContain('linearCrossEntropy')
  })

  test('a loss that is an input is read', () => {
    const known = loss([x, w])
    const { value, grads } = valueAndGrad((p: Tensor[]) => sum(loss(p)))([x, w])
    const graph = shareResults(graphOf([x, w, ids, known], [known.mul(2), value, ...grads]))
    verifyGraph(graph, 'share results')
    expect(opsOf(graph).filter((name) => name === 'mul')).toHaveLength(1)
  })
})

describe('fuse', () => {
  test('a chain is one group', () => {
    const x = input([8])
    const { ready, groups } = groupsOf(graphOf([x], [exp(sin(x).mul(2))]))
    expect(groups.map((g) => g.nodes.map((n) => n.op.name))).toEqual([['sin', 'mul', 'exp']])
    verifyGroups(groups, ready, 'fuse')
  })

  test('what is read through a view is in memory before', () => {
    const x = input([4, 4])
    const e = exp(x)
    for (const r of [e.add(transpose(e)), transpose(e).add(1).mul(e)]) {
      const { ready, groups } = groupsOf(graphOf([x], [r]))
      expect(groups.length).toBe(2)
      verifyGroups(groups, ready, 'fuse')
    }
  })

  test('no path may leave a group and come back', () => {
    const x = input([4, 4])
    const e = exp(x)
    const { ready, groups } = groupsOf(graphOf([x], [matmul(e, e).add(e)]))
    expect(groups.map((g) => g.nodes.map((n) => n.op.name))).toEqual([['exp'], ['matmul'], ['add']])
    verifyGroups(groups, ready, 'fuse')
  })
})

describe('buffers', () => {
  test('a chain of reductions and elementwise work needs few, and the largest come first', () => {
    const x = input([64, 64])
    let y: Tensor = x
    for (let i = 0; i < 6; i++) y = matmul(y, x).sin()
    const plan = planOf(graphOf([x], [y]))
    expect(plan.temporaries.length).toBeLessThanOrEqual(2)
    verifyPlan(plan, 'plan')
  })

  test('where values may lie beside each other, memory is that of the values that live at one time', () => {
    const [x, y, z] = [input([128, 4]), input([4, 128]), input([4, 64])]
    const large = matmul(x, y) // [128, 128], dead before the two halves
    const thin = matmul(large, x)
    const halves = [1, 2].map((k) => matmul(thin, z.mul(k)))
    const graph = graphOf([x, y, z], [sum(matmul(halves[0].transpose(), halves[1]), 1)])
    const total = ({ temporaries }: Plan) => temporaries.reduce((a, b) => a + b, 0)
    /** The sum of the values that are alive at the step where it is largest. */
    const alive = (plan: Plan) => {
      const temporary = plan.slots.flatMap(({ bytes }, slot) => {
        const uses = plan.steps.flatMap((s, i) => ([...s.inputs, ...s.outputs].some((o) => o.slot === slot) ? [i] : []))
        return plan.locations[slot].kind === 'temporary' ? [{ bytes, from: uses[0], to: uses[uses.length - 1] }] : []
      })
      const at = (i: number) => temporary.filter(({ from, to }) => from <= i && i <= to)
      return Math.max(...plan.steps.map((_, i) => at(i).reduce((sum, { bytes }) => sum + bytes, 0)))
    }
    const [apart, beside] = [planOf(graph), planOf(graph, [], 64)]
    for (const plan of [apart, beside]) verifyPlan(plan, 'plan')
    expect(total(beside)).toBe(alive(beside))
    expect(total(apart)).toBeGreaterThan(1.3 * total(beside))
    // Never two values of one buffer at a time where a kernel may not read one part and write another.
    expect(apart.locations.every(({ offset }) => offset === 0)).toBe(true)
  })

  test('a donated input is overwritten by the result that comes in its place, once nobody reads it', () => {
    const [w, g] = [input([16]), input([16])]
    const step = planOf(graphOf([w, g], [w.sub(g)]), [0])
    expect(step.aliases).toEqual([0])
    const late = planOf(graphOf([w, g], [w.sub(g), sum(w.mul(g).reshape([4, 4]), 0)]), [0])
    verifyPlan(late, 'plan')
  })

  test('pieces that nobody else wants are made where they belong', () => {
    const [a, b] = [input([4, 8]), input([4, 8])]
    const joined = planOf(graphOf([a, b], [sum(concatenate([exp(a), sin(b)], 0), 1)]))
    expect(joined.steps.map((s) => s.name)).not.toContain('concatenate')
    verifyPlan(joined, 'plan')
    const kept = exp(a)
    const copied = planOf(graphOf([a, b], [sum(concatenate([kept, sin(b)], 0), 1), kept]))
    expect(copied.steps.map((s) => s.name)).toContain('concatenate')
  })
})

test('composites become what a backend runs, between their own place and the next', () => {
  const x = input([4, 8])
  const expanded = expand(graphOf([x], [x.softmax()]), () => false, { lower: true })
  expect(opsOf(expanded)).not.toContain('softmax')
  verifyGraph(expanded, 'expand')
})

test('a node of which one result is an input is made anew for the other, and the input is what is read', () => {
  const [x, ids] = [input([2, 3]), input([2], 'int32')]
  const [losses, logSums] = apply(crossEntropyOp, [x, ids], { zLoss: 0 })
  const graph = graphOf([x, ids, losses], [losses.mul(2), logSums.add(1)])
  const expanded = expand(graph, () => true, { lower: true })
  verifyGraph(expanded, 'expand')
  const plan = planOf(expanded)
  const reader = plan.steps.find((step) => step.name === 'mul')!
  expect(reader.inputs.map((operand) => operand.slot)).toEqual([plan.inputSlots[2]])
})

describe('verify can fail', () => {
  test('a value that is an input and made', () => {
    const x = input([2, 3])
    const ids = input([2], 'int32')
    const [losses, logSums] = apply(crossEntropyOp, [x, ids], { zLoss: 0 })
    expect(() => verifyGraph(graphOf([x, ids, losses], [logSums.add(losses)]), 'here')).toThrow(
      /after here: crossEntropy#\d+\.0 is an input of the graph and made by it/,
    )
  })

  const x = input([4, 4])
  const e = exp(x)

  test('a node that is not what its op infers', () => {
    const wrong = makeNode(e.value.node.op, [x.value], {}, [{ shape: [2, 2], dtype: 'float32' }]).outputs[0]
    expect(() => verifyGraph({ inputs: [x.value], outputs: [wrong] }, 'a test')).toThrow(/after a test: exp.*infers/)
  })

  test('a value that nobody makes', () => {
    expect(() => verifyGraph({ inputs: [], outputs: [e.value] }, 'a test')).toThrow(/has no value and is no input/)
  })

  test('groups in the wrong order, twice, or not there', () => {
    const { ready, groups } = groupsOf(graphOf([x], [e.add(transpose(e))]))
    expect(() => verifyGroups([...groups].reverse(), ready, 'a test')).toThrow(/before it is in memory/)
    expect(() => verifyGroups([...groups, groups[0]], ready, 'a test')).toThrow(/runs twice/)
    expect(() => verifyGroups(groups.slice(0, 1), ready, 'a test')).toThrow(/nobody makes the result/)
  })

  test('a buffer that is given to two values at a time', () => {
    const plan = planOf(graphOf([x], [matmul(exp(x), matmul(sin(x), x)), sliceAxis(mul(x, 2), 0, 0, 2)]))
    const temporary = plan.locations.findIndex((l) => l?.kind === 'temporary')
    const others = plan.locations.map((l) => (l?.kind === 'temporary' ? plan.locations[temporary] : l))
    expect(() => verifyPlan({ ...plan, locations: others }, 'a test')).toThrow(/holds something else/)
  })
})

describe('sinkPositions', () => {
  const shape = [1024, 512]
  const positions = (start: Tensor) => add(iota(shape, 1), broadcastTo(start, shape))
  /** Two products that are masked where a position is a target: the second may be computed much later. */
  const masked = (mask: (targets: Tensor) => Tensor) => {
    const x = input(shape)
    const targets = [input([1024, 1], 'int32'), input([1024, 1], 'int32')]
    const w = input([512, 512])
    const first = matmul(where(mask(targets[0]), x, 0), w)
    const second = matmul(where(mask(targets[1]), first, 0), w)
    return [[x, ...targets, w], [second]] as const
  }
  const stored = (graph: Graph) =>
    planOf(graph).steps.flatMap(({ outputs }) => outputs.filter(({ dtype }) => dtype !== 'float32'))

  test('positions that several kernels read are computed in each and stored in none', () => {
    const start = input([1, 1], 'int32')
    const [inputs, outputs] = masked((targets) => equal(positions(start), broadcastTo(targets, shape)))
    const graph = graphOf([start, ...inputs], outputs)
    expect(opsOf(simplify(graph)).filter((op) => op === 'add')).toHaveLength(1)
    const sunk = sinkPositions(simplify(graph))
    verifyGraph(sunk, 'sink positions')
    expect(opsOf(sunk).filter((op) => op === 'add')).toHaveLength(2)
    expect(stored(graph)).toEqual([])
  })

  test('so are whole masks', () => {
    const start = input([1, 1], 'int32')
    const [inputs, outputs] = masked(() => equal(positions(start), iota(shape, 0)))
    expect(stored(graphOf([start, ...inputs], outputs))).toEqual([])
  })

  test('what is read once, small, longer to compute, or computed from stored values is left', () => {
    const once = (mask: Tensor, x: Tensor) => [where(mask, x, 0)]
    const twice = (mask: Tensor, x: Tensor) => [where(mask, x, 0), where(mask, 0, x)]
    const start = input([1, 1], 'int32')
    const ids = input(shape, 'int32')
    const [x, few] = [input(shape), input([8, 8])]
    const long = Array.from({ length: 5 }).reduce<Tensor>((y) => add(mul(y, 3), 1), iota(shape, 1))
    for (const [inputs, outputs] of [
      [[start, x], once(equal(positions(start), 7), x)],
      [[few], twice(equal(iota([8, 8], 0), iota([8, 8], 1)), few)],
      [[x], twice(equal(long, 7), x)],
      [[ids, x], twice(equal(add(ids, 1), 7), x)],
    ] as const) {
      const graph = simplify(graphOf(inputs, outputs))
      expect(opsOf(sinkPositions(graph))).toEqual(opsOf(graph))
    }
  })
})
