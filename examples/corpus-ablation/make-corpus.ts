/**
 * Writes the corpora of the study: TypeScript's diagnostic messages in several languages, and its declaration files as
 * code.
 *
 * The same tenth of the messages is held out in every language, so that no translation of a held-out text is trained
 * on.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import ts from 'typescript'

const lib = dirname(createRequire(import.meta.url).resolve('typescript'))
const out = process.argv[2] ?? 'runs/corpus'
mkdirSync(out, { recursive: true })

/** FNV-1a with the finalizer of MurmurHash3. */
function isHeldOut(key: string): boolean {
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  return ((hash ^ (hash >>> 13)) >>> 0) % 10 === 0
}

function write(name: string, texts: readonly string[]): void {
  writeFileSync(join(out, `${name}.jsonl`), texts.map((text) => `${JSON.stringify({ text })}\n`).join(''))
  console.log(`${name}: ${texts.length} documents, ${texts.join('').length} characters`)
}

function split(name: string, entries: readonly (readonly [key: string, text: string])[]): void {
  write(
    name,
    entries.filter(([key]) => !isHeldOut(key)).map(([, text]) => text),
  )
  write(
    `${name}-held-out`,
    entries.filter(([key]) => isHeldOut(key)).map(([, text]) => text),
  )
}

// English messages are in the compiler's code, other languages in separate files.
const { Diagnostics } = ts as unknown as { Diagnostics: Record<string, { key: string; message: string }> }
const keys = new Set(Object.values(Diagnostics).map(({ key }) => key))
split(
  'en',
  Object.values(Diagnostics).map(({ key, message }) => [key, message] as const),
)
for (const language of ['ja', 'zh-cn', 'ko', 'de']) {
  const file = join(lib, language, 'diagnosticMessages.generated.json')
  const messages: Record<string, string> = JSON.parse(readFileSync(file, 'utf8'))
  split(
    language,
    Object.entries(messages).filter(([key]) => keys.has(key)),
  )
}
// Interfaces of the standard library, one document each.
const code = readFileSync(join(lib, 'lib.es5.d.ts'), 'utf8')
  .split(/\n(?=(?:interface|declare|type) )/)
  .map((text) => text.slice(0, 1200).trim())
  .filter((text) => text.length > 60)
split(
  'code',
  code.map((text) => [text.slice(0, 80), text] as const),
)
