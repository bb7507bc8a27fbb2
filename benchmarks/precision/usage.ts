/** What the command line may say: errors of use, numbers, and precision policies by name or file. */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { checkPrecision, type PrecisionPolicy, precisions } from '@kumiki/train'

/** Wrong use of the command line: a message without a stack trace, and exit code 2. */
export class UsageError extends Error {
  override name = 'UsageError'
}

/** Runs what checks values that were given: a RangeError or TypeError there is wrong use. @param owner begins the message */
export function checkedUse<T>(work: () => T, owner = ''): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) throw new UsageError(`${owner}${error.message}`)
    throw error
  }
}

/** @throws UsageError that names the option */
export function positiveOf(option: string, text: string): number {
  const value = Number(text)
  if (!(value > 0 && Number.isFinite(value)))
    throw new UsageError(`--${option}: expected a number above 0, got ${text || 'nothing'}`)
  return value
}

/** Whether a value names a file and no entry of a list. */
export const isFile = (value: string, extension: RegExp) => /[\\/]/.test(value) || extension.test(value)

/**
 * A policy by name, or from a module (.js, .mjs, .ts) whose default export it is.
 * @throws UsageError for a name that is not known, a file that cannot be loaded, or an export that is no policy
 */
export async function policyOf(value: string): Promise<PrecisionPolicy> {
  if (!isFile(value, /\.[cm]?[jt]s$/)) {
    if (Object.hasOwn(precisions, value)) return precisions[value]
    throw new UsageError(
      `--policy: no policy is called ${value}; there are ${Object.keys(precisions).join(', ')}, and any module whose default export is one by its path`,
    )
  }
  const wanted = `its default export must be a PrecisionPolicy, such as { name: 'mine', parameters: 'bfloat16', activations: 'bfloat16', fp8: { scaling: { kind: 'current' } } }`
  let found: unknown
  try {
    found = (await import(pathToFileURL(resolve(value)).href)).default
  } catch (error) {
    throw new UsageError(
      `--policy ${value}: cannot be loaded (${(error as Error).message.split('\n')[0]}); name a module; ${wanted}`,
    )
  }
  const owner = `--policy ${value}: `
  if (found === undefined) throw new UsageError(`${owner}there is no default export; ${wanted}`)
  const policy = found as PrecisionPolicy
  checkedUse(() => checkPrecision(policy), owner)
  if (Object.hasOwn(precisions, policy.name) && precisions[policy.name] !== policy)
    throw new UsageError(`${owner}a policy of Kumiki is called ${policy.name} already; take another name`)
  return policy
}
