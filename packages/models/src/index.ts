export * from './configs.ts'
export * from './ngram.ts'
export * from './safetensors.ts'
