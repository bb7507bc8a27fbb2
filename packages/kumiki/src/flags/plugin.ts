/** Kinds of schedules and optimizers from a module of the user's own. */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { RunKinds } from '@kumiki/train'
import { UsageError } from '../usage-error.ts'

/**
 * Loads `--plugin`: an ES module that exports `schedules`, `optimizers` or both, each functions by kind.
 * @throws UsageError for a module that cannot be loaded or has neither
 */
export async function loadPlugin(path: string | undefined): Promise<RunKinds> {
  if (path === undefined) return {}
  let module: Record<string, unknown>
  try {
    module = await import(pathToFileURL(resolve(path)).href)
  } catch (error) {
    throw new UsageError(`--plugin ${path}: cannot be loaded (${(error as Error).message})`)
  }
  const { schedules, optimizers } = module
  const given = Object.entries({ schedules, optimizers }).filter(([, kinds]) => kinds !== undefined)
  if (given.length === 0)
    throw new UsageError(`--plugin ${path}: must export schedules or optimizers: { kind: (description, parse) => ... }`)
  for (const [name, kinds] of given)
    for (const [kind, build] of Object.entries(kinds as object))
      if (typeof build !== 'function') throw new UsageError(`--plugin ${path}: ${name}.${kind} must be a function`)
  return Object.fromEntries(given)
}
