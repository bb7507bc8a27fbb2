// Checks the packed tarballs as a user gets them: publint on each, and are-the-types-wrong on every entry. With names
// of packages as arguments: these alone.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { pack } from './pack.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const folder = mkdtempSync(join(tmpdir(), 'kumiki-check-'))
let failed = 0
try {
  const wanted = process.argv.slice(2)
  for (const { name, tarball } of await pack(folder, wanted.length > 0 ? wanted : undefined)) {
    const bytes = readFileSync(tarball)
    const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
    const { messages, pkg } = await publint({ pack: { tarball: buffer }, level: 'warning', strict: true })
    for (const message of messages) {
      failed++
      console.error(`${name}: publint: ${formatMessage(message, pkg)}`)
    }
    const attw = join(root, 'node_modules', '@arethetypeswrong', 'cli', 'dist', 'index.js')
    const types = spawnSync(
      process.execPath,
      [attw, tarball, '--profile', 'esm-only', '--format', 'ascii', '--no-color'],
      {
        encoding: 'utf8',
        maxBuffer: 1 << 26,
      },
    )
    if (types.status !== 0) {
      failed++
      console.error(`${name}: are-the-types-wrong:\n${types.stdout}${types.stderr}`)
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
if (failed > 0) process.exit(1)
