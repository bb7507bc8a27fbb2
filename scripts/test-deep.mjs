// Runs the long tests, every *.deep.ts. `npm run test:deep -- packages/tensor` runs those of one package.
import { spawnSync } from 'node:child_process'

const env = { ...process.env, KUMIKI_DEEP: '1' }
const { status } = spawnSync('vitest', ['run', ...process.argv.slice(2)], {
  env,
  stdio: 'inherit',
  shell: process.platform === 'win32',
})
process.exit(status ?? 1)
