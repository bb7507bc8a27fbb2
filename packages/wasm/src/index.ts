/** Encodes WebAssembly modules, for the code generators of numerics, optim and tensor, which bundle this package. */
export { FunctionBody } from './function-body.ts'
export { signed, unsigned } from './leb128.ts'
export * from './module.ts'
