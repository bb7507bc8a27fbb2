// Declares elementwise ops by the computation of one element in JavaScript, WGSL and SIMD.

import { computeType, isFloat } from '../dtype.ts'
import { DTypeError } from '../errors.ts'
import { defineOp, type ElementwiseRule, type GradientContext, type NoAttributes, type Op, type Sample } from '../op.ts'
import type { Tensor } from '../tensor.ts'

interface ElementwiseDeclaration extends ElementwiseRule<NoAttributes> {
  readonly name: string
  readonly gradient?: (context: GradientContext<NoAttributes>) => (Tensor | undefined)[]
  /** 'float': floats only; 'integer': int32 and uint32 only; 'any'. */
  readonly accepts?: 'float' | 'integer' | 'any'
  /** 'boolean': uint32 0 or 1. Default: the dtype of the inputs. */
  readonly result?: 'same' | 'boolean'
  readonly samples?: readonly Sample<NoAttributes>[]
}

/**
 * An elementwise op. All inputs have the same shape and dtype: the operation broadcasts and casts first.
 */
export function elementwiseOp(declaration: ElementwiseDeclaration): Op {
  const { name, gradient, accepts = 'any', result = 'same', samples, ...elementwise } = declaration
  return defineOp<NoAttributes>({
    name,
    kind: 'elementwise',
    infer(inputs) {
      const { shape, dtype } = inputs[0]
      if (accepts === 'float' && !isFloat(dtype))
        throw new DTypeError(`${name}: needs a float tensor, got ${dtype}; cast it with astype('float32')`)
      if (accepts === 'integer' && isFloat(dtype)) throw new DTypeError(`${name}: needs int32 or uint32, got ${dtype}`)
      return [{ shape, dtype: result === 'boolean' ? 'uint32' : dtype }]
    },
    // Comparisons and operations on integers have no gradient.
    gradient: gradient ?? (({ inputs }) => inputs.map(() => undefined)),
    evaluate(inputs, attrs, [out]) {
      const type = computeType(inputs[0].dtype)
      const args = new Array<number>(inputs.length)
      for (let i = 0; i < out.data.length; i++) {
        for (let k = 0; k < inputs.length; k++) args[k] = inputs[k].data[i]
        out.data[i] = elementwise.js(args, type, attrs)
      }
    },
    elementwise,
    flops: (_, [out]) => out.shape.reduce((a, b) => a * b, 1),
    samples,
  })
}

/** Wraps a WGSL comparison as 0 or 1. */
export function wgslBoolean(condition: string): string {
  return `select(vec4<u32>(0u), vec4<u32>(1u), ${condition})`
}

/** Conformance samples of binary elementwise ops: scalar, sizes around the vector width, and empty. */
export function binarySamples(range?: readonly [number, number], differentiable = true): Sample<NoAttributes>[] {
  const r = range ? { range } : {}
  return [
    {
      inputs: [
        { shape: [], ...r },
        { shape: [], ...r },
      ],
      differentiable,
    },
    {
      inputs: [
        { shape: [31], ...r },
        { shape: [31], ...r },
      ],
      differentiable,
    },
    {
      inputs: [
        { shape: [4, 33], ...r },
        { shape: [4, 33], ...r },
      ],
      differentiable,
    },
    {
      inputs: [
        { shape: [0, 3], ...r },
        { shape: [0, 3], ...r },
      ],
      differentiable,
    },
  ]
}

/** Conformance samples of unary elementwise ops. */
export function unarySamples(
  range?: readonly [number, number],
  differentiable = true,
  tolerance?: number,
): Sample<NoAttributes>[] {
  return binarySamples(range, differentiable).map((s) => ({ ...s, inputs: [s.inputs[0]], tolerance }))
}
