// Defines the methods of tensors: the operations of method-list.ts, with the tensor as first operand.

import type { Device } from './device.ts'
import * as operations from './method-list.ts'
import { cast } from './ops/cast.ts'
import { Tensor } from './tensor.ts'

/** The type of an operation as a method of its first operand. */
export type Method<Operation> = Operation extends (x: infer _X, ...rest: infer Rest) => infer Result
  ? (...rest: Rest) => Result
  : never

/** Every operation of the list as a method, by its name. */
export type Methods = { readonly [Name in keyof typeof operations]: Method<(typeof operations)[Name]> }

declare module './tensor.ts' {
  interface Tensor extends Methods {
    /** Undefined for constants, which take the device of the tensors they are combined with. */
    readonly device: Device | undefined
    /** The tensor in another dtype: the operation `cast`. */
    readonly astype: Method<typeof cast>
  }
}

for (const [name, operation] of Object.entries({ ...operations, astype: cast })) {
  Object.defineProperty(Tensor.prototype, name, {
    configurable: true,
    writable: true,
    value(this: Tensor, ...rest: unknown[]) {
      return (operation as (...operands: unknown[]) => unknown)(this, ...rest)
    },
  })
}

Object.defineProperty(Tensor.prototype, 'device', {
  configurable: true,
  get(this: Tensor) {
    return this.owner
  },
})
