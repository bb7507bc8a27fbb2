/** Parses the texts that a configuration file names: sources to mix, and held-out texts. */
import { dirname, resolve } from 'node:path'
import { assertTrainable, type ReleaseLevel } from '@kumiki/data'
import type { RunDefinition, RunSource } from '@kumiki/train/node'
import { checkWritten } from '../flags/written-json.ts'
import { UsageError } from '../usage-error.ts'

/** The texts of a run; relative paths of the file are resolved against its folder. */
export type RunTexts = Pick<RunDefinition, 'sources' | 'heldOut'> & { readonly data?: readonly string[] }

/**
 * `data`: paths, or sources { name, path, repeats, language, source, licence, releaseLevel }; `heldOut`: { name: path
 * }.
 * @throws UsageError naming file and field, also for a source whose release level forbids training (LX, LZ)
 */
export function textsOf(file: Readonly<Record<string, unknown>>, config: string): RunTexts {
  const { data, heldOut } = file
  const where = (path: string) => resolve(dirname(config), path)
  const fail = (fault: string): never => {
    throw new UsageError(`${config}: ${fault}`)
  }
  if (data !== undefined && (!Array.isArray(data) || data.length === 0))
    return fail('data must be an array of paths, or of sources { name, path, repeats, releaseLevel, ... }')
  const given = (data ?? []) as unknown[]
  const paths = given.filter((entry) => typeof entry === 'string')
  if (paths.length > 0 && paths.length < given.length)
    return fail('data mixes paths and sources; give every source as { name, path }')
  const sources = (paths.length > 0 ? [] : given).map((entry, i) => {
    let source: RunSource
    try {
      source = checkWritten<RunSource>('textSource', entry, `data[${i}]`)
      assertTrainable(source.name, (source.releaseLevel ?? 'L3') as ReleaseLevel)
    } catch (error) {
      return fail((error as Error).message)
    }
    return { ...source, path: where(source.path) }
  })
  const names = sources.map(({ name }) => name)
  const twice = names.findIndex((name, i) => names.indexOf(name) < i)
  if (twice >= 0)
    return fail(
      `data[${twice}].name is ${JSON.stringify(names[twice])}, which an earlier source has too; increase that source's repeats, or rename this one`,
    )
  const held = heldOut === undefined ? undefined : Object.entries(heldOut as object)
  if (held && (typeof heldOut !== 'object' || held.length === 0 || held.some(([, path]) => typeof path !== 'string')))
    return fail('heldOut must be an object of paths by name, such as { "ja": "ja.txt" }')
  return {
    ...(paths.length > 0 && { data: paths.map(where) }),
    ...(sources.length > 0 && { sources }),
    ...(held && { heldOut: Object.fromEntries(held.map(([name, path]) => [name, where(path as string)])) }),
  }
}
