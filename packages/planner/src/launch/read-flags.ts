/** Extracts the raw flags of a Megatron-LM launch, without interpreting them. */
import { argumentsOf, LaunchFlags } from './launch-flags.ts'
import { readShell } from './shell/shell-reader.ts'

/**
 * Reads the flags of `pretrain_gpt.py` from a command or from scripts, in the order in which they are sourced. Nothing
 * is executed.
 * @param environment variables that the script expects
 * @returns the values of each flag (the last if it is given twice), and notes about values that could not be determined
 * @throws RangeError if no command starts training
 * @example
 * const { flags } = readMegatronFlags(['torchrun pretrain_gpt.py --num-layers 24 --seed 42 --data-path 1 a 2 b'])
 * flags.get('--data-path') // ['1', 'a', '2', 'b']
 */
export function readMegatronFlags(
  texts: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): { readonly flags: ReadonlyMap<string, readonly string[]>; readonly notes: readonly string[] } {
  const shell = readShell(texts, environment)
  return { flags: new LaunchFlags(argumentsOf(shell)).all(), notes: shell.notes }
}
