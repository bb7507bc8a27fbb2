/**
 * Reading Megatron-LM launches: commands, Slurm scripts, sets of scripts. Apart from the rest because it brings a shell parser.
 * @packageDocumentation
 */
export { type MegatronLaunch, type ReadOptions, readMegatron } from './launch/megatron-read.ts'
export { readMegatronFlags } from './launch/read-flags.ts'
