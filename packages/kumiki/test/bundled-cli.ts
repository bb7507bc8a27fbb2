/**
 * The command line as one bundle, which starts in a quarter of the time of its sources, for tests that start it often.
 */
import { copyFileSync, existsSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const source = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url))

/** @returns the program in the folder of temporary files of this test run, where the first caller makes it */
export async function sharedCli(): Promise<string> {
  const folder = join(tmpdir(), 'kumiki-bundled-cli')
  try {
    mkdirSync(folder)
  } catch {
    // Another process of the test run makes it, or has made it. The manifest is written last.
    for (const end = Date.now() + 60_000; !existsSync(join(folder, 'package.json')); ) {
      if (Date.now() > end) throw new Error(`${folder}: the bundle was not completed within a minute`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    return join(folder, 'dist', 'bin.js')
  }
  return bundledCli(folder)
}

/** @returns the program in `folder`, which must exist. It cannot train a tokenizer: it finds no package to do so. */
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
