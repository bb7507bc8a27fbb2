// Installs the workspace with the pnpm version that package.json names, fetched through npx when it is not on PATH.
// Does nothing when node_modules already matches the lockfile, so `npm start` and `npm test` can always call it. Prints
// only errors, and on a terminal one line before it installs.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pnpm } from './pnpm.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const stamp = join(root, 'node_modules', '.kumiki-install')

const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`Kumiki needs Node 20.19 or newer; this is ${process.version}.`)
  process.exit(1)
}

/** A hash of everything that decides what gets installed: the lockfile and every workspace manifest. */
function installKey() {
  const hash = createHash('sha256')
  const manifests = [
    'package.json',
    'pnpm-lock.yaml',
    'pnpm-workspace.yaml',
    '.pnpmfile.cjs',
    'benchmarks/package.json',
  ]
  for (const group of ['packages', 'examples', 'apps']) {
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
  if (process.stderr.isTTY) console.error("Installing the workspace's dependencies (once; about a minute) ...")
  const frozen = existsSync(join(root, 'pnpm-lock.yaml')) ? ['--frozen-lockfile'] : []
  const args = ['install', ...frozen, '--config.confirmModulesPurge=false']
  const { status, output } = pnpm(args, { stdio: ['ignore', 'pipe', 'pipe'] })
  if (status !== 0) {
    console.error(`${output}\nThe installation failed (pnpm ${args.join(' ')}).`)
    process.exit(status)
  }
  mkdirSync(dirname(stamp), { recursive: true })
  writeFileSync(stamp, installKey())
}
