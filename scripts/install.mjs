// Installs the workspace with the pnpm version that package.json names, fetched through npx when it is not on PATH.
// Skips the work when node_modules already matches the lockfile, so `npm start` and `npm test` can always call it.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const pnpmVersion = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).packageManager
const stamp = join(root, 'node_modules', '.kumiki-install')

const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`kumiki needs Node 20.19 or newer; this is ${process.version}.`)
  process.exit(1)
}

/** A hash of everything that decides what gets installed: the lockfile and every workspace manifest. */
function installKey() {
  const hash = createHash('sha256')
  const manifests = ['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml', 'benchmarks/package.json']
  for (const group of ['packages', 'examples']) {
    const dir = join(root, group)
    if (!existsSync(dir)) continue
    for (const name of readdirSync(dir).sort()) manifests.push(`${group}/${name}/package.json`)
  }
  for (const file of manifests) {
    const path = join(root, file)
    if (existsSync(path)) hash.update(file).update(readFileSync(path))
  }
  return hash.digest('hex')
}

const key = installKey()
if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== key) {
  const args = [
    '--yes',
    pnpmVersion,
    'install',
    ...(existsSync(join(root, 'pnpm-lock.yaml')) ? ['--frozen-lockfile'] : []),
  ]
  const result = spawnSync('npx', args, { cwd: root, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' })
  if (result.status !== 0) {
    console.error(`Installing failed (npx ${args.join(' ')}).`)
    process.exit(result.status ?? 1)
  }
  mkdirSync(dirname(stamp), { recursive: true })
  writeFileSync(stamp, installKey())
}
