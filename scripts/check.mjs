// Every check that is not a test, each in a process of its own: `npm run -s check`. Prints one line for each, and the
// output of those that fail. With --json FILE the counts are written there too: { passed, failed }. With --changed
// (`npm run -s check:changed`) only files that differ from `main` are linted, types are checked incrementally, and only
// packages with changed sources are built, packed and measured.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { packages } from './build.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const all = {
  'lint and format (biome)': ['biome', 'check', '.', '--diagnostic-level=warn', '--error-on-warnings'],
  'types (tsc)': ['tsc', '-p', 'tsconfig.json'],
  'unused files, exports, dependencies (knip)': ['knip', '--no-progress'],
  'build (tsup, declarations)': [process.execPath, 'scripts/build.mjs', '--stale'],
  'packages (publint, are-the-types-wrong)': [process.execPath, 'scripts/check-packages.mjs'],
  'sizes (size-limit)': ['size-limit'],
  'sizes of what a page loads': [process.execPath, 'scripts/check-loads.mjs'],
}

/** Files that differ from `main`, committed or not, without deleted ones. */
function changedFiles() {
  const git = (...args) => spawnSync('git', args, { cwd: root, encoding: 'utf8' }).stdout.split('\n').filter(Boolean)
  const [base = 'HEAD'] = git('merge-base', 'HEAD', 'main')
  const files = [...git('diff', '--name-only', base), ...git('ls-files', '--others', '--exclude-standard')]
  return [...new Set(files)].filter((file) => existsSync(join(root, file)))
}

/** The checks that a change of these files can fail. */
function checksOf(files) {
  const touched = packages().filter(({ folder }) => {
    const at = `packages/${folder.split(/[/\\]/).pop()}/`
    return files.some(
      (file) => file.startsWith(`${at}src/`) || file === `${at}package.json` || file === `${at}README.md`,
    )
  })
  const rows = JSON.parse(readFileSync(join(root, '.size-limit.json'), 'utf8'))
  const weighed = rows.filter(({ name }) => touched.some((p) => new RegExp(`^${p.name}(?![\\w-])`).test(name)))
  const some = (pattern) => files.some((file) => pattern.test(file))
  const names = touched.map(({ name }) => name)
  return {
    ...(files.length > 0 && {
      'lint and format (biome)': [
        'biome',
        'check',
        '--no-errors-on-unmatched',
        '--diagnostic-level=warn',
        '--error-on-warnings',
        ...files,
      ],
    }),
    ...(some(/\.tsx?$|tsconfig|package\.json$/) && { 'types (tsc)': all['types (tsc)'] }),
    ...(some(/\.(tsx?|mjs)$|package\.json$|knip\.json$/) && {
      'unused files, exports, dependencies (knip)': all['unused files, exports, dependencies (knip)'],
    }),
    ...(names.length > 0 && {
      [`build (${names.join(', ')})`]: [process.execPath, 'scripts/build.mjs', ...names],
      'packages (publint, are-the-types-wrong)': [process.execPath, 'scripts/check-packages.mjs', ...names],
      ...(weighed.length > 0 && { 'sizes (size-limit)': sizesOf(weighed) }),
      ...(some(/^packages\/(tensor|numerics)\/src\//) && {
        'sizes of what a page loads': all['sizes of what a page loads'],
      }),
    }),
  }
}

/** The command of size-limit with only some rows of its configuration, which are written to a file of their own. */
function sizesOf(rows) {
  const file = join(root, 'node_modules', '.cache', 'kumiki', 'size-limit.json')
  writeFileSync(file, JSON.stringify(rows.map((row) => ({ ...row, path: join(root, row.path) }))))
  return ['size-limit', '--config', file]
}

const changed = process.argv.includes('--changed')
const checks = changed ? checksOf(changedFiles()) : all

const env = { ...process.env, PATH: join(root, 'node_modules', '.bin') + delimiter + (process.env.PATH ?? '') }

/** Runs a check. @returns its output if it fails, '' if it passes */
function run([command, ...args]) {
  const shell = process.platform === 'win32'
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, env, shell, stdio: ['ignore', 'pipe', 'pipe'] })
    const said = []
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => said.push(text))
    child.once('error', (error) => resolve(error.message))
    child.once('close', (status) =>
      resolve(status === 0 ? '' : Buffer.concat(said).toString() || `exit code ${status}`),
    )
  })
}

let failed = 0
async function runAll(entries) {
  for (const [name, check] of entries) {
    const start = performance.now()
    const problem = await run(check)
    if (problem) failed++
    console.log(`${problem ? 'FAIL' : 'ok  '} ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`)
    if (problem) console.log(problem)
  }
}
// With --changed, which is used while working, the checks that read sources run in parallel with those that build.
const entries = Object.entries(checks)
const builds = entries.findIndex(([name]) => name.startsWith('build'))
if (changed && builds > 0) await Promise.all([runAll(entries.slice(0, builds)), runAll(entries.slice(builds))])
else await runAll(entries)
const report = process.argv.indexOf('--json')
if (report > 0)
  writeFileSync(process.argv[report + 1], JSON.stringify({ passed: Object.keys(checks).length - failed, failed }))
process.exit(failed > 0 ? 1 : 0)
