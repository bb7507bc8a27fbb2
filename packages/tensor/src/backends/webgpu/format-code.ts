// WGSL that decodes and encodes packed formats: a module of its own, which a program without any never loads.
export { wgslDecode, wgslEncode } from '@kumiki/numerics/wgsl'
