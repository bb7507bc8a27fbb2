/** Changesets name packages of the workspace, and their texts begin with a letter. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
// @ts-expect-error: a script without types
import { packages } from '../scripts/build.mjs'

const folder = join(dirname(fileURLToPath(import.meta.url)), '..', '.changeset')
const names: string[] = packages().map(({ name }: { name: string }) => name)

test.each(readdirSync(folder).filter((file) => file.endsWith('.md')))('%s can become a changelog', (file) => {
  const match = /^---\n((?:["'].+["']: (?:patch|minor|major)\n)+)---\n\n(\w[\s\S]*)$/.exec(
    readFileSync(join(folder, file), 'utf8'),
  )
  expect(
    match,
    'front matter with a package and patch, minor or major; an empty line; a text to the user that begins with a letter',
  ).not.toBeNull()
  for (const [, name] of match![1].matchAll(/["'](.+)["']/g)) expect(names).toContain(name)
})
