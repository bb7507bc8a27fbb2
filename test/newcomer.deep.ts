/** The README's first minutes in a fresh clone with an empty home directory. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { chromium as playwright } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
// @ts-expect-error: a script without types
import { chromium } from '../scripts/swiftshader.mjs'

// A newcomer's first minutes, on a machine that has Node, npm and git alone: a fresh clone, an empty home, an empty npm
// cache. What is typed is what the README's table says, and each thing is had within the minutes that stand there;
// beside other work, which no claim can know of, it is the minutes of processors' time that are held.
// KUMIKI_PICTURES=FOLDER keeps pictures of the import and of the fine-tuned model (Japanese where the machine has a
// font). With npm's registry.

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const folder = mkdtempSync(join(tmpdir(), 'kumiki-newcomer-'))
const [clone, home, out, empty] = ['clone', 'home', 'tarballs', 'empty'].map((name) => join(folder, name))

/** Nothing of this process but where programs and certificates are. */
const env: NodeJS.ProcessEnv = {
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) => /^(lang|(https?|no)_proxy|node_extra_ca_certs|ssl_.*)$/i.test(name)),
  ),
  PATH: (process.env.PATH ?? '')
    .split(delimiter)
    .filter((part) => !part.includes('node_modules'))
    .join(delimiter),
  HOME: home,
  npm_config_cache: join(home, 'cache'),
}

/** Processors' time that was used so far, in seconds. */
let used = 0

/** Types one line. @returns what it printed on stdout */
function type(cwd: string, command: string): string {
  const timed = `TIMEFORMAT='%U %S'; time { ${command}; }`
  const { status, stdout, stderr } = spawnSync('bash', ['-c', timed], {
    cwd,
    env,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  if (status !== 0) throw new Error(`${command}\n${stdout}\n${stderr}`)
  used += stderr
    .trimEnd()
    .split('\n')
    .at(-1)!
    .split(' ')
    .map(Number)
    .reduce((a, b) => a + b)
  return stdout
}

interface Claim {
  readonly commands: readonly string[]
  readonly minutes: number
}

/** The rows of the README's table: what is had, what is typed, under how many minutes. */
function claimsOf(file: string): Map<string, Claim> {
  const rows = readFileSync(join(root, file), 'utf8').matchAll(/^\| (.+?) +\| (`.+?) +\| (\d+) (?:minutes|分) +\|$/gm)
  return new Map(
    [...rows].map(([, what, typed, minutes]) => [
      what,
      { commands: [...typed.matchAll(/`([^`]+)`/g)].map(([, command]) => command), minutes: Number(minutes) },
    ]),
  )
}
const claims = claimsOf('README.md')

/**
 * Seconds from the start of the clone until everything is installed, which each row begins with; and of processors'
 * time.
 */
let installed = 0
let usedToInstall = 0
const took: string[] = []
beforeAll(() => {
  for (const path of [home, empty]) mkdirSync(path)
  const start = performance.now()
  type(folder, `git clone -q '${root}' clone`)
  type(clone, 'npm run setup')
  installed = (performance.now() - start) / 1000
  usedToInstall = used
}, 1_800_000)
afterAll(() => {
  console.log(
    [
      `${cpus()[0].model}, ${cpus().length} logical processors, load ${loadavg()
        .map((x) => x.toFixed(1))
        .join(' ')}`,
      `clone and install: ${installed.toFixed(0)} s`,
      ...took,
    ].join('\n'),
  )
  rmSync(folder, { recursive: true, force: true })
})

function timed<T>(what: string, body: (commands: readonly string[]) => T): T {
  const { commands, minutes } = claims.get(what)!
  const [start, before] = [performance.now(), used]
  const result = body(commands)
  const seconds = installed + (performance.now() - start) / 1000
  const ofProcessors = usedToInstall + used - before
  const busy = loadavg()[0] > 2 * cpus().length
  took.push(
    `${what}: ${(seconds / 60).toFixed(1)} minutes from the clone, ${(ofProcessors / 60).toFixed(1)} of processors' time, claimed ${minutes}${busy ? ' (beside other work)' : ''}`,
  )
  expect(busy ? ofProcessors : seconds, took.at(-1)).toBeLessThan(60 * minutes)
  return result
}

const picture = process.env.KUMIKI_PICTURES
async function photograph(address: string, name: string, clip: { width: number; height: number }): Promise<void> {
  if (!picture) return
  const { executablePath, env: environment } = chromium()
  const browser = await playwright.launch({ executablePath, env: environment, args: ['--no-sandbox'], headless: true })
  const page = await browser.newPage({ viewport: clip, deviceScaleFactor: 1 })
  await page.goto(address)
  await page.screenshot({ path: join(picture, name) })
  await browser.close()
}

test('the two main pages make the same claims', () => {
  expect(claims.size).toBe(4)
  expect([...claimsOf('README.ja.md').values()]).toEqual([...claims.values()])
})

test('the first import of one package', async () => {
  const program = join(empty, 'first.mjs')
  const code = `import { encodeArray, decodeArray } from '@kumiki/numerics'

const values = Float32Array.of(0.1, -1.7, 300)
console.log(decodeArray('float8_e4m3fn', encodeArray('float8_e4m3fn', values)))
`
  writeFileSync(program, code)
  const printed = timed('the first import of one package', ([pack, install]) => {
    type(clone, pack.replace('FOLDER', out))
    const added = type(empty, install.replace('FOLDER', out))
    return `$ ${install}\n${added.trim()}\n\n$ cat first.mjs\n${code}\n$ node first.mjs\n${type(empty, 'node first.mjs')}`
  })
  expect(printed).toContain('[ 0.1015625, -1.75, 288 ]')
  expect(readdirSync(join(empty, 'node_modules', '@kumiki'))).toEqual(['numerics'])
  const page = join(folder, 'import.html')
  const style = 'margin:0;padding:20px;background:#1b1f24;color:#e6edf3;font:15px/1.5 monospace;white-space:pre-wrap'
  writeFileSync(page, `<meta charset="utf-8"><body style="${style}">${printed.replaceAll('<', '&lt;')}`)
  await photograph(pathToFileURL(page).href, 'import.png', { width: 760, height: 310 })
})

test('the first plan', () => {
  const printed = timed('the first plan', ([plan]) => type(clone, plan))
  expect(printed).toMatch(/^1\. TP \d+ PP \d+/m)
})

test('the first trained model', () => {
  timed('the first trained model', ([start]) => type(clone, start))
  const [run] = readdirSync(join(clone, 'runs'))
  expect(existsSync(join(clone, 'runs', run, 'model.safetensors'))).toBe(true)
  const summary = readFileSync(join(clone, 'runs', run, 'summary.json'), 'utf8')
  expect(JSON.parse(summary)).toMatchObject({ steps: 800 })
})

test('the first fine-tuned model', async () => {
  const printed = timed('the first fine-tuned model', (commands) => type(clone, commands.join(' && ')))
  const [, correct] = /^correct after: +(\d+) %/m.exec(printed)!
  expect(Number(correct)).toBeGreaterThan(80)
  const answers = join(clone, 'examples', 'finetune-chat', 'runs', 'answers.html')
  await photograph(pathToFileURL(answers).href, 'finetune.png', { width: 700, height: 1000 })
})
