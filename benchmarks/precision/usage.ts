/** Command-line values: usage errors, numbers, and precision policies by name or file. */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { checkPrecision, type PrecisionPolicy, precisions } from '@kumiki/train'

/** Invalid use of the command line: printed without a stack trace, with exit code 2. */
export class UsageError extends Error {
  override name = 'UsageError'
}

/**
 * Runs a check of given values and turns its RangeError or TypeError into a UsageError. @param owner beginning of the
 * message
 */
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

/** Whether a value is the path of a file and not a name of a list. */
export const isFile = (value: string, extension: RegExp) => /[\\/]/.test(value) || extension.test(value)

/**
 * A policy by name, or the default export of a module (.js, .mjs, .ts).
 * @throws UsageError for an unknown name, a file that cannot be loaded, or an export that is no policy
 */
export async function policyOf(value: string): Promise<PrecisionPolicy> {
  if (!isFile(value, /\.[cm]?[jt]s$/)) {
    if (Object.hasOwn(precisions, value)) return precisions[value]
    throw new UsageError(
      `--policy: no policy is named ${value}; expected one of ${Object.keys(precisions).join(', ')}, or the path of a module whose default export is a policy`,
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
    throw new UsageError(`${owner}Kumiki already has a policy named ${policy.name}; choose another name`)
  return policy
}
