// Runs a command with SwiftShader, a software Vulkan adapter, visible to Dawn: `node scripts/with-swiftshader.mjs
// vitest run`. The adapter comes from the npm package @sparticuz/chromium; nothing has to be installed on the system.
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { swiftshaderEnvironment } from './swiftshader.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const [command, ...args] = process.argv.slice(2)
const env = { ...process.env, ...swiftshaderEnvironment() }
env.PATH = join(root, 'node_modules', '.bin') + delimiter + (env.PATH ?? '')
const child = spawn(command, args, { env, stdio: 'inherit', shell: process.platform === 'win32' })
child.on('error', (error) => {
  console.error(`Could not start ${command}: ${error.message}`)
  process.exit(1)
})
child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 1)))
