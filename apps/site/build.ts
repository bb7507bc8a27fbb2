/**
 * Builds the documentation site: `npm run docs` (`-- --no-api` leaves the API reference out, `-- --serve` serves the
 * result). The generator (VitePress, typedoc) is installed by the first build, so that installing the repository does
 * not download it.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
// @ts-expect-error: a script without types
import { pnpm } from '../../scripts/pnpm.mjs'
import { buildPlayground } from '../playground/build.ts'
import { root } from './src/pages.ts'
import { stage, stageFolder } from './src/stage.ts'

const generator = join(root, 'apps', 'site', 'generator')
const asked = new Set(process.argv.slice(2))
const node = (...args: string[]) => execFileSync(process.execPath, args, { cwd: generator, stdio: 'inherit' })
const vitepress = join(generator, 'node_modules', 'vitepress', 'bin', 'vitepress.js')

if (!existsSync(vitepress)) {
  console.error('Installing the generator (once) ...')
  const { status, output } = pnpm(['--dir', generator, 'install', '--ignore-workspace', '--frozen-lockfile'])
  if (status !== 0) throw new Error(output)
}
const broken = await stage()
if (broken.length > 0) throw new Error(`broken links; correct them in these files:\n${broken.join('\n')}`)
if (!asked.has('--no-api')) node('api.mjs', join(stageFolder, 'api'))
rmSync(join(generator, 'dist'), { recursive: true, force: true })
node(vitepress, 'build', '.')
const dist = join(root, 'apps', 'site', 'dist')
rmSync(dist, { recursive: true, force: true })
cpSync(join(generator, 'dist'), dist, { recursive: true })
await buildPlayground(join(dist, 'playground'))
console.log(`The site is in ${dist}`)
if (asked.has('--serve')) node(vitepress, 'preview', '.')
