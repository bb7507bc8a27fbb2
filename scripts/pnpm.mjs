// Runs the pnpm version that package.json names, whether or not pnpm is on PATH: `node scripts/pnpm.mjs -r run build`.
// install.mjs has fetched it, so npx finds it in its cache and needs no network.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const version = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).packageManager

/** Runs pnpm and waits. @returns { status, output }: exit code, and stdout and stderr where `stdio` is 'pipe' */
export function pnpm(args, { cwd = root, stdio = 'pipe' } = {}) {
  const result = spawnSync('npx', ['--yes', '--prefer-offline', version, ...args], {
    cwd,
    stdio,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    shell: process.platform === 'win32',
  })
  return {
    status: result.status ?? 1,
    output: [result.error?.message, result.stdout, result.stderr].filter(Boolean).join('\n'),
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exit(pnpm(process.argv.slice(2), { stdio: 'inherit' }).status)
}
