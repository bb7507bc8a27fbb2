/** Date, versions and machine load of a measurement. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { loadAverage } from './load-average.ts'

export interface Provenance {
  readonly date: string
  readonly node: string
  /** Commit of this checkout; `modified` lists the files that the measurement depends on and that differ from it. */
  readonly commit: string
  readonly modified: readonly string[]
  /** Load average before the measurement. */
  readonly loadAverage: number
}

/** @param packages whose sources the measurement depends on, by folder name */
export function provenance(packages: readonly string[]): Provenance {
  const root = new URL('../..', import.meta.url)
  const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trimEnd()
  const sources = packages.map((name) => `packages/${name}/src`)
  const status = git('status', '--porcelain', '--untracked-files=no', '--', ...sources, 'benchmarks')
  return {
    date: new Date().toISOString(),
    node: process.version,
    commit: git('rev-parse', 'HEAD'),
    modified: status.split('\n').flatMap((line) => (line ? [line.slice(3)] : [])),
    loadAverage: loadAverage(),
  }
}

/** The installed version of a package. */
export function versionOf(name: string): string {
  const require = createRequire(import.meta.url)
  let folder = dirname(require.resolve(name))
  while (
    !existsSync(join(folder, 'package.json')) ||
    JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).name !== name
  )
    folder = dirname(folder)
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version
}

/** The installed version of jax-js. */
export function jaxVersion(): string {
  const file = new URL('../package.json', import.meta.resolve('@jax-js/jax'))
  return JSON.parse(readFileSync(file, 'utf8')).version
}
