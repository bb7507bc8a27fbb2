/** The policies of @kumiki/train by name, without loading it: the command line starts before anything is needed of it. */
export const precisionNames = ['f32', 'bf16', 'bf16-pure', 'fp8-hybrid', 'fp8-current', 'fp8-block', 'mxfp8'] as const
