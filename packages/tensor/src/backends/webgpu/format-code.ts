// WGSL that decodes and encodes packed formats: a separate module, which programs without any do not load.
export { wgslDecode, wgslEncode } from '@kumiki/numerics/wgsl'
