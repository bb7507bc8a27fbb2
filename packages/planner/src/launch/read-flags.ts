/** The flags of a Megatron-LM launch as they stand, for readers who want neither model nor plan of it. */
import { argumentsOf, LaunchFlags } from './launch-flags.ts'
import { readShell } from './shell/shell-reader.ts'

/**
 * Reads the flags of `pretrain_gpt.py` out of a command or of scripts, in the order they are sourced. Nothing is run.
 * @param environment variables that a script expects to be set
 * @returns each flag with its values, the last where one is given twice; what could not be known
 * @throws RangeError where no command starts training
 * @example readMegatronFlags(['torchrun pretrain_gpt.py --num-layers 24 --seed 42 --data-path 1 a 2 b']).flags.get('--data-path') // ['1', 'a', '2', 'b']
 */
export function readMegatronFlags(
  texts: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): { readonly flags: ReadonlyMap<string, readonly string[]>; readonly notes: readonly string[] } {
  const shell = readShell(texts, environment)
  return { flags: new LaunchFlags(argumentsOf(shell)).all(), notes: shell.notes }
}
