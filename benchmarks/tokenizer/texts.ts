import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** Texts of several languages and code, kept beside a checkout; without them, the corpus of the package's vectors. */
const SHARED = new URL('../../../shared/tokenizer/', import.meta.url)
const BUILT_IN = new URL('../../packages/tokenizer/vectors/corpus.txt', import.meta.url)

export type Texts = {
  name: string
  /** About `bytes` of UTF-8 in lines, none of them empty. */
  lines: string[]
  /** Lines that are not among them, for the quality of a trained model. */
  heldOut: string[]
}

/**
 * Lines of all files in turn (one of each, then the next), so that every part is mixed; repeated until `bytes` are there.
 * @param kind only the files whose names begin so (`ja`, `en`, ...), where there are any, and none of their lines twice
 */
export function readTexts(bytes: number, kind = ''): Texts {
  const shared = existsSync(SHARED)
    ? readdirSync(SHARED).filter((name) => name.endsWith('.txt') && name.startsWith(kind))
    : []
  const files = shared.length > 0 ? shared.sort().map((name) => new URL(name, SHARED)) : [BUILT_IN]
  const columns = files.map((file) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line.trim() !== '' && !line.includes('\r') && !line.includes('\0')),
  )
  const lines: string[] = []
  const heldOut: string[] = []
  let size = 0
  const longest = Math.max(...columns.map((column) => column.length))
  for (let round = 0; size < bytes && (kind === '' || round < longest); round++) {
    for (const column of columns) {
      if (kind !== '' && round >= column.length) continue
      const line = column[round % column.length]
      if (round < column.length && round % 20 === 19) heldOut.push(line)
      else if ((round % column.length) % 20 !== 19) {
        lines.push(line)
        size += Buffer.byteLength(line) + 1
      }
      if (size >= bytes) break
    }
  }
  const name = kind === '' ? `${files.length} texts of ../shared` : `${kind}: ${files.length} texts of ../shared`
  return { name: shared.length > 0 ? name : 'built-in corpus', lines, heldOut }
}

/** LLM-jp's ver3.0b1 where it is, else a model of the package's vectors. */
export function modelPath(): { name: string; url: URL } {
  const real = new URL('llm-jp/llm-jp-tokenizer-100k.ver3.0b1.model', SHARED)
  if (existsSync(real)) return { name: 'LLM-jp ver3.0b1', url: real }
  return { name: 'unigram vectors', url: new URL('../../packages/tokenizer/vectors/unigram.model', import.meta.url) }
}
