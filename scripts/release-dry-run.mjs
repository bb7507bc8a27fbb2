// A release without its last step: versions and changelogs as changesets would make them, in a copy of the checkout,
// and `npm publish --dry-run` of every tarball. The checkout itself is not changed.
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { packages } from './build.mjs'
import { pack } from './pack.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const folder = mkdtempSync(join(tmpdir(), 'kumiki-release-'))

/** Makes versions and changelogs in a copy of the tracked files. @returns the name and new version of each package */
function versions() {
  const copy = join(folder, 'copy')
  const tracked = execFileSync(
    'git',
    [
      'ls-files',
      '-co',
      '--exclude-standard',
      '-z',
      '--',
      '.changeset',
      'package.json',
      'pnpm-workspace.yaml',
      '*/package.json',
      'packages/*/package.json',
    ],
    { cwd: root, encoding: 'utf8' },
  )
  for (const file of tracked.split('\0').filter(Boolean))
    cpSync(join(root, file), join(copy, file), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'), 'junction')
  execFileSync('git', ['init', '-q', '-b', 'main'], { cwd: copy })
  const changeset = join(root, 'node_modules', '@changesets', 'cli', 'bin.js')
  const { status, stdout, stderr } = spawnSync(process.execPath, [changeset, 'version'], {
    cwd: copy,
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`changeset version failed:\n${stdout}${stderr}`)
  return packages().map(({ name, folder: at }) => {
    const inCopy = join(copy, at.slice(root.length))
    const { version } = JSON.parse(readFileSync(join(inCopy, 'package.json'), 'utf8'))
    const log = readFileSync(join(inCopy, 'CHANGELOG.md'), 'utf8')
    if (!log.includes(`## ${version}`)) throw new Error(`${name}: the changelog has no section ${version}`)
    if (/^- [0-9a-f]{7,}:/m.test(log))
      throw new Error(
        `${name}: the changelog begins entries with commit ids; set "changelog" in .changeset/config.json`,
      )
    return `${name} ${version}`
  })
}

try {
  console.log(`changeset version would make ${versions().join(', ')}`)
  for (const { name, tarball } of await pack(join(folder, 'tarballs'))) {
    const { status, stdout, stderr } = spawnSync('npm', ['publish', '--dry-run', '--access', 'public', tarball], {
      cwd: folder,
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(`npm publish --dry-run of ${name} failed:\n${stdout}${stderr}`)
    console.log(`ok   npm publish --dry-run ${name}: ${/total files:\s*(\d+)/.exec(stderr)?.[1] ?? '?'} files`)
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
