/** Texts for the benchmarks of the tokenizer. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'

/**
 * Texts of several languages and code in a folder next to the checkout; without it, the corpus of the package's
 * vectors.
 */
const SHARED = new URL('../../../shared/tokenizer/', import.meta.url)
const BUILT_IN = new URL('../../packages/tokenizer/vectors/corpus.txt', import.meta.url)

export type Texts = {
  name: string
  /** Non-empty lines, about `bytes` of UTF-8 in total. */
  lines: string[]
  /** Lines that are not in `lines`, to evaluate a trained model. */
  heldOut: string[]
}

/**
 * Lines of all files, interleaved, and repeated until they have `bytes` of UTF-8.
 * @param kind only files whose names begin with it (`ja`, `en`, ...), if there are any, and no line twice
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

/** LLM-jp's ver3.0b1 if the folder has it, otherwise a model of the package's vectors. */
export function modelPath(): { name: string; url: URL } {
  const real = new URL('llm-jp/llm-jp-tokenizer-100k.ver3.0b1.model', SHARED)
  if (existsSync(real)) return { name: 'LLM-jp ver3.0b1', url: real }
  return { name: 'unigram vectors', url: new URL('../../packages/tokenizer/vectors/unigram.model', import.meta.url) }
}
