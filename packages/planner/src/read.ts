/**
 * Reads Megatron-LM launches: commands, Slurm scripts, sets of scripts. A separate entry, because it includes a shell
 * parser.
 * @packageDocumentation
 */
export { type MegatronLaunch, type ReadOptions, readMegatron } from './launch/megatron-read.ts'
export { readMegatronFlags } from './launch/read-flags.ts'
