// Every check that is not a test, each as its own process: `npm run -s check`. One line each, and the output of what fails.
// With --json FILE the counts are written there too: { passed, failed }.
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from './build.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const checks = {
  'lint and format (biome)': ['biome', 'check', '.', '--diagnostic-level=warn', '--error-on-warnings'],
  'types (tsc)': ['tsc', '-p', 'tsconfig.json'],
  'unused files, exports, dependencies (knip)': ['knip', '--no-progress'],
  'build (tsup, declarations)': () => build(),
  'packages (publint, are-the-types-wrong)': [process.execPath, 'scripts/check-packages.mjs'],
  'sizes (size-limit)': ['size-limit'],
  'sizes of what a page loads': [process.execPath, 'scripts/check-loads.mjs'],
}

const env = { ...process.env, PATH: join(root, 'node_modules', '.bin') + delimiter + (process.env.PATH ?? '') }

async function run(check) {
  if (typeof check === 'function') {
    try {
      await check()
      return ''
    } catch (error) {
      return error.message
    }
  }
  const [command, ...args] = check
  const shell = process.platform === 'win32'
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: root,
    env,
    encoding: 'utf8',
    shell,
    maxBuffer: 1 << 27,
  })
  return status === 0 ? '' : [error?.message, stdout, stderr].filter(Boolean).join('\n') || `exit code ${status}`
}

let failed = 0
for (const [name, check] of Object.entries(checks)) {
  const start = performance.now()
  const problem = await run(check)
  if (problem) failed++
  console.log(`${problem ? 'FAIL' : 'ok  '} ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`)
  if (problem) console.log(problem)
}
const report = process.argv.indexOf('--json')
if (report > 0)
  writeFileSync(process.argv[report + 1], JSON.stringify({ passed: Object.keys(checks).length - failed, failed }))
process.exit(failed > 0 ? 1 : 0)
