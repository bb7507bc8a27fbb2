/**
 * The command line as one bundle, which starts in a quarter of the time of its sources, for tests that start it often.
 */
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const source = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url))

/** @returns the program in `folder`; runs have to be there already (it finds no package to train a tokenizer with) */
export async function bundledCli(folder: string): Promise<string> {
  await build({
    entryPoints: { bin: source('src/bin.ts'), 'save-worker': source('../train/src/checkpoints/save-worker.ts') },
    outdir: join(folder, 'dist'),
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    conditions: ['source'],
    external: ['webgpu'],
    // What is written for require asks for it.
    banner: {
      js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);",
    },
    logLevel: 'warning',
  })
  // It reads its version there.
  copyFileSync(source('package.json'), join(folder, 'package.json'))
  return join(folder, 'dist', 'bin.js')
}
