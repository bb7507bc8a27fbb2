// The formats as WGSL: functions to include in a shader. They agree bit for bit with their counterparts in TypeScript.
//
// Everything is u32 arithmetic on bitcasts. WGSL lets an implementation flush subnormals and assume that NaN and
// infinity do not occur (section 15.7), so no floats are compared or added here, and only integers are multiplied by
// powers of two: normal numbers, exactly.

export { wgslDecode } from './wgsl/decode.ts'
export { type WgslEncodeOptions, wgslEncode, wgslEncodeName } from './wgsl/encode.ts'
export { wgslRandomBits } from './wgsl/random-bits.ts'
export { wgslDecodeMx, wgslEncodeMx, wgslMxScale, wgslPowerOfTwoScale, wgslScaleByPowerOfTwo } from './wgsl/scale.ts'
export { wgslDecodeWord, wgslEncodeWord } from './wgsl/words.ts'
