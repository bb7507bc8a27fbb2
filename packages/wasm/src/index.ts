/** WebAssembly modules written byte by byte: what numerics, optim and tensor bundle. */
export { FunctionBody } from './function-body.ts'
export { signed, unsigned } from './leb128.ts'
export * from './module.ts'
