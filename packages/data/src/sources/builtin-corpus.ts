/**
 * The built-in corpus: the compiler messages of TypeScript in Japanese and English, from the npm package `typescript`
 * (Apache License 2.0, Microsoft Corporation), an optional peer dependency. Node only.
 */

/** One message in one language. */
export interface BuiltinDocument {
  readonly text: string
  readonly language: 'ja' | 'en'
  /** Key of the message, the same in both languages. */
  readonly key: string
}

/** The documents in the order of the package, Japanese before English, split by message. */
export interface BuiltinCorpus {
  readonly train: readonly BuiltinDocument[]
  /** Every tenth message, by a hash of its key; both languages of a message are on the same side. */
  readonly heldOut: readonly BuiltinDocument[]
  /** Version of the package. */
  readonly version: string
}

interface Typescript {
  readonly version: string
  readonly Diagnostics: Readonly<Record<string, { readonly key: string; readonly message: string }>>
}

/**
 * Loads the corpus: about 2,118 messages, 93,000 characters of Japanese and 144,000 of English.
 * The two sides of the split may contain near duplicates (messages that differ in a word).
 * @throws Error where the package `typescript` is not installed or does not export its messages
 * @example
 * const { train, heldOut } = await builtinCorpus()
 * train[0].language // 'ja'
 */
export async function builtinCorpus(): Promise<BuiltinCorpus> {
  const { createRequire } = await import('node:module')
  const { readFile } = await import('node:fs/promises')
  let path: string
  try {
    path = createRequire(import.meta.url).resolve('typescript/lib/ja/diagnosticMessages.generated.json')
  } catch {
    throw new Error(
      'builtinCorpus: it needs the npm package `typescript`, which is not installed: npm install typescript@5.9',
    )
  }
  const japanese: Record<string, unknown> = JSON.parse(new TextDecoder().decode(await readFile(path)))
  // The table of messages is exported but not declared in the types: it is not part of TypeScript's public API.
  const module = (await import('typescript')) as unknown as { default: Typescript }
  const { version, Diagnostics: messages } = module.default
  if (messages === undefined) {
    throw new Error(`builtinCorpus: typescript ${version} exports no Diagnostics; version ~5.9.3 does`)
  }
  const train: BuiltinDocument[] = []
  const heldOut: BuiltinDocument[] = []
  for (const { key, message } of Object.values(messages)) {
    const translation = japanese[key]
    if (typeof translation !== 'string') continue
    const side = isHeldOut(key) ? heldOut : train
    side.push({ text: translation, language: 'ja', key }, { text: message, language: 'en', key })
  }
  return { train, heldOut, version }
}

/** FNV-1a (32 bits) of the key with MurmurHash3's finaliser, modulo ten. */
function isHeldOut(key: string): boolean {
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) % 10 === 0
}
