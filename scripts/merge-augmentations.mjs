// Makes a rolled-up declaration file self-contained: `declare module './tensor.ts' { interface Tensor { ... } }` adds to a
// file that the roll-up has swallowed, so the interface moves to the top level, where it merges with the class beside it.
// Usage: node scripts/merge-augmentations.mjs dist/index.d.ts
import { readFileSync, writeFileSync } from 'node:fs'

const [file] = process.argv.slice(2)
const text = readFileSync(file, 'utf8')
const merged = text.replace(/^declare module '\.[^']*' \{\n([\s\S]*?)^\}\n/gm, (_, body) => body.replace(/^ {4}/gm, ''))
if (/^declare module '\./m.test(merged)) throw new Error(`${file}: an augmentation of a relative module is left`)
writeFileSync(file, merged)
