/**
 * The names of @kumiki/train's precision policies, without importing it: that keeps the command line's start fast.
 */
export const precisionNames = ['f32', 'bf16', 'bf16-pure', 'fp8-hybrid', 'fp8-current', 'fp8-block', 'mxfp8'] as const
