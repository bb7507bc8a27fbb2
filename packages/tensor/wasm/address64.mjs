// A transform for asc that compiles for 64-bit addresses (memory64): the compiler can, but has no option for it.
import { Transform } from 'assemblyscript/transform'

/** `Target.Wasm64` of the compiler, and `i64` of Binaryen. */
const wasm64 = 2
const i64 = 3

export default class extends Transform {
  // Before the program takes the size of usize from its options.
  afterParse() {
    const { options, module } = this.program
    options.target = wasm64
    module.sizeType = i64
  }
}
