// The declaration files of packages: one TypeScript program emits those of all, then Rollup makes one file of each
// entry. With a program for each package, as in tsup, it takes six times as long, since each program reads its
// dependencies' sources again. `node scripts/declarations.mjs` in a package's folder, after its tsup.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rollup } from 'rollup'
import { dts } from 'rollup-plugin-dts'
import ts from 'typescript'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** Entries of a package as its `exports` name them: [source below the package, declaration file below dist]. */
const entriesOf = (folder) =>
  Object.values(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).exports)
    .filter((entry) => entry.source && entry.types)
    .map(({ source, types }) => [source, types.replace('./dist/', '')])

/** Writes the .d.ts of every file that the entries import, below `out`. */
function emit(folders, out) {
  const config = ts.readConfigFile(join(root, 'tsconfig.base.json'), ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, root)
  const names = folders.flatMap((folder) => entriesOf(folder).map(([source]) => join(folder, source)))
  const wanted = {
    noEmit: false,
    declaration: true,
    emitDeclarationOnly: true,
    outDir: out,
    rootDir: join(root, 'packages'),
  }
  const program = ts.createProgram(names, { ...options, ...wanted })
  const { diagnostics } = program.emit(undefined, undefined, undefined, true)
  const host = { getCanonicalFileName: (f) => f, getCurrentDirectory: () => root, getNewLine: () => '\n' }
  if (diagnostics.length > 0) throw new Error(ts.formatDiagnostics(diagnostics, host))
}

/** Resolves the sources' imports of `.ts` files to the emitted `.d.ts` files. */
const declarationsOfSources = {
  name: 'declarations-of-sources',
  resolveId: (id, from) =>
    from && /^\..*(?<!\.d)\.ts$/.test(id) ? join(dirname(from), id.replace(/\.ts$/, '.d.ts')) : undefined,
}

/**
 * `declare module './tensor.ts' { interface Tensor { ... } }` augments a file that no longer exists after the roll-up,
 * so the interface moves to the top level, where it merges with the class of that name.
 */
const mergeAugmentations = (text) =>
  text.replace(/^declare module '\.[^']*' \{\n([\s\S]*?)^\}\n/gm, (_, body) => body.replace(/^ {4}/gm, ''))

function finished(file, text) {
  const merged = mergeAugmentations(text)
  if (/^declare module '\./m.test(merged))
    throw new Error(`${file}: an augmentation of a relative module is left; mergeAugmentations must take its form`)
  if (merged.includes('@kumiki/wasm'))
    throw new Error(
      `${file}: mentions a type of @kumiki/wasm, which is not published; keep it out of the exported types`,
    )
  // With this reference `[Symbol.dispose]` type-checks whatever the `lib` of the user's project.
  return /\b(Symbol\.(asyncD|d)ispose|(Async)?Disposable)\b/.test(merged)
    ? `/// <reference lib="esnext.disposable" />\n${merged}`
    : merged
}

/** Writes `dist/*.d.ts` of the packages in these folders. @throws Error with TypeScript's diagnostics */
export async function declarations(folders) {
  const out = mkdtempSync(join(tmpdir(), 'kumiki-declarations-'))
  try {
    emit(folders, out)
    for (const folder of folders) {
      const input = Object.fromEntries(
        entriesOf(folder).map(([source, types]) => [
          types.replace(/\.d\.ts$/, ''),
          join(out, basename(folder), source.replace(/\.ts$/, '.d.ts')),
        ]),
      )
      const bundle = await rollup({
        input,
        external: (id) => !/^[./]/.test(id) && !/^[a-z]:/i.test(id),
        plugins: [
          declarationsOfSources,
          dts({ compilerOptions: { lib: ['lib.es2022.d.ts'], skipLibCheck: true, noCheck: true } }),
          { name: 'finish', renderChunk: (code, { fileName }) => finished(join(folder, 'dist', fileName), code) },
        ],
        onwarn: ({ code, message }) => {
          // Two warnings are expected: an augmentation cannot be resolved until `finished` moves it, and entries that
          // share no code give an empty chunk.
          if (code !== 'EMPTY_BUNDLE' && !message.includes('could not be resolved to any output chunk'))
            throw new Error(`${folder}: ${message}`)
        },
      })
      const names = { entryFileNames: '[name].d.ts', chunkFileNames: '[name]-[hash].d.ts' }
      await bundle.write({ dir: join(folder, 'dist'), format: 'es', ...names })
    }
  } finally {
    rmSync(out, { recursive: true, force: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await declarations([process.cwd()])
