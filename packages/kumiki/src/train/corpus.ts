/** The text of a run: the built-in corpus or the user's files, split into training and held-out documents. */
import { mixSources } from '@kumiki/data'
import { builtinCorpus, readCorpus } from '@kumiki/data/node'
import type { RunDefinition, RunSource } from '@kumiki/train/node'

export interface Corpus {
  readonly name: string
  readonly train: readonly string[]
  readonly heldOut: readonly string[]
  /** The sources of `train` in order, with the number of documents of each. */
  readonly subsets?: readonly { readonly source: RunSource; readonly documents: number }[]
  /** The named parts of `heldOut` in order, with the number of documents of each. */
  readonly parts?: readonly { readonly name: string; readonly documents: number }[]
  /** Beginnings of held-out documents, the prompts for samples. */
  readonly prompts: readonly { readonly label: string; readonly prompt: string }[]
}

/** Maximum characters of a piece, when a long document is cut because there are too few documents to split. */
const pieceLength = 600

/** Selects the text of a run. */
export type CorpusOrigin = Pick<RunDefinition, 'sources' | 'heldOut'> & {
  readonly data: readonly string[]
  /** Seed of the choice of documents for fractional repeats. */
  readonly seed?: number
}

/**
 * Loads the text of a run from paths or named sources. Held-out documents are a tenth of it, or separate texts.
 * @throws Error naming file and remedy, as `readText`; RangeError for a source whose release level forbids training
 */
export async function loadCorpus({ data, sources, heldOut, seed }: CorpusOrigin): Promise<Corpus> {
  if (!sources && !heldOut) return readText(data)
  const given = sources ?? []
  const parts: { name: string; documents: number }[] = []
  const held: string[] = []
  for (const [name, path] of Object.entries(heldOut ?? {})) {
    const documents = await readCorpus([path])
    held.push(...documents)
    parts.push({ name, documents: documents.length })
  }
  // Held-out documents are removed from the training text, whichever source contains them.
  const known = new Set(held)
  const trained = (text: string) => (heldOut ? !known.has(text) : !isHeldOut(text))
  const read: { source: RunSource; documents: string[] }[] = []
  for (const source of given) {
    const documents = await readCorpus([source.path])
    if (!heldOut) held.push(...documents.filter(isHeldOut))
    read.push({ source, documents: documents.filter(trained) })
  }
  if (!sources) {
    const { name, train, heldOut: rest } = await readText(data)
    const all = [...train, ...rest].filter(trained)
    return { name, train: all, heldOut: held, parts, prompts: samplePrompts(held) }
  }
  const { documents, table } = mixSources(
    read.map(({ source, documents }) => ({ ...source, documents })),
    { seed },
  )
  if (held.length === 0)
    throw new Error('no document of the sources is held out: give more text, or heldOut: { NAME: PATH } in the file')
  return {
    name: given.map(({ name }) => name).join(', '),
    train: documents,
    heldOut: held,
    subsets: read.map(({ source }, i) => ({ source, documents: table[i].documents })),
    ...(parts.length > 0 && { parts }),
    prompts: samplePrompts(held),
  }
}

/** @throws Error naming file and remedy, for text that cannot be read, or is too short to hold part of it out */
async function readText(paths: readonly string[]): Promise<Corpus> {
  if (paths.length === 0) {
    const { train, heldOut, version } = await builtinCorpus()
    const first = (language: 'ja' | 'en') =>
      heldOut.filter((d) => d.language === language && d.text.length > 30)[3].text
    return {
      name: `messages of the TypeScript ${version} compiler, Japanese and English`,
      train: train.map((d) => d.text),
      heldOut: heldOut.map((d) => d.text),
      prompts: [
        { label: 'Japanese', prompt: first('ja').slice(0, 8) },
        { label: 'English', prompt: beginning(first('en'), 20) },
      ],
    }
  }
  let documents = await readCorpus(paths)
  if (documents.length < 20) documents = documents.flatMap(pieces)
  const train: string[] = []
  const heldOut: string[] = []
  for (const text of documents) (isHeldOut(text) ? heldOut : train).push(text)
  // If the hashes assign all documents to one part, move one to the other.
  if (heldOut.length === 0 && train.length > 1) heldOut.push(train.pop()!)
  if (train.length === 0 && heldOut.length > 1) train.push(heldOut.pop()!)
  if (train.length === 0 || heldOut.length === 0)
    throw new Error(
      `--data ${paths.join(' ')}: the text is one document of ${[...train, ...heldOut].join('').length} characters, too short to hold part of it out; give more text (at least ${2 * pieceLength} characters, which are cut into documents)`,
    )
  return { name: paths.join(' '), train, heldOut, prompts: samplePrompts(heldOut) }
}

/** One document in ten, by a hash of its text, so that adding documents does not move others. */
function isHeldOut(text: string): boolean {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  h ^= h >>> 15
  h = Math.imul(h, 0x2c1b3c6d)
  return ((h ^ (h >>> 12)) >>> 0) % 10 === 0
}

/** Cuts a long document at line ends; a long line at sentence or word ends, or else anywhere. */
function pieces(text: string): string[] {
  const out: string[] = []
  let current = ''
  for (const line of text.split('\n')) {
    for (const [i, part] of parts(line).entries()) {
      if (current.length + part.length > pieceLength && current) {
        out.push(current)
        current = ''
      }
      current += current && i === 0 ? `\n${part}` : part
    }
  }
  if (current.trim()) out.push(current)
  return out
}

/** Cuts a line into parts of at most `pieceLength` characters. */
function parts(line: string): string[] {
  const out: string[] = []
  let rest = line
  while (rest.length > pieceLength) {
    const head = rest.slice(0, pieceLength)
    const sentence = Math.max(
      ...['。', '．', '！', '？', '. ', '! ', '? '].map(
        (end) => head.lastIndexOf(end) + end.length * Number(head.includes(end)),
      ),
    )
    const word = head.lastIndexOf(' ') + 1
    let cut = sentence > pieceLength / 2 ? sentence : word > pieceLength / 2 ? word : pieceLength
    // Do not split a surrogate pair.
    if (/[\ud800-\udbff]/.test(rest[cut - 1])) cut--
    out.push(rest.slice(0, cut))
    rest = rest.slice(cut)
  }
  out.push(rest)
  return out
}

const japanese = /[\u3040-\u30ff]/

/** Beginnings of held-out texts, one in Japanese and one in another language, if there are any. */
export function samplePrompts(heldOut: readonly string[]): { label: string; prompt: string }[] {
  const ja = heldOut.find((t) => japanese.test(t.slice(0, 40)))
  const other = heldOut.find((t) => t !== ja && !japanese.test(t.slice(0, 200)))
  return [
    ...(ja ? [{ label: 'Japanese', prompt: [...ja].slice(0, 8).join('') }] : []),
    ...(other ? [{ label: japanese.test(other) ? 'Text' : 'English', prompt: beginning(other, 20) }] : []),
  ]
}

/** The first words, up to about `length` characters. */
function beginning(text: string, length: number): string {
  const cut = text.slice(0, length)
  const space = cut.lastIndexOf(' ')
  return text.length > length && space > 3 ? cut.slice(0, space) : cut
}
