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

/** Lines of all files in turn (one of each, then the next), so that every part is mixed; repeated until `bytes` are there. */
export function readTexts(bytes: number): Texts {
  const shared = existsSync(SHARED) ? readdirSync(SHARED).filter((name) => name.endsWith('.txt')) : []
  const files = shared.length > 0 ? shared.sort().map((name) => new URL(name, SHARED)) : [BUILT_IN]
  const columns = files.map((file) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line.trim() !== '' && !line.includes('\r') && !line.includes('\0')),
  )
  const lines: string[] = []
  const heldOut: string[] = []
  let size = 0
  for (let round = 0; size < bytes; round++) {
    for (const column of columns) {
      const line = column[round % column.length]
      if (round < column.length && round % 20 === 19) heldOut.push(line)
      else if ((round % column.length) % 20 !== 19) {
        lines.push(line)
        size += Buffer.byteLength(line) + 1
      }
      if (size >= bytes) break
    }
  }
  return { name: shared.length > 0 ? `${files.length} texts of ../shared` : 'built-in corpus', lines, heldOut }
}

/** LLM-jp's ver3.0b1 where it is, else a model of the package's vectors. */
export function modelPath(): { name: string; url: URL } {
  const real = new URL('llm-jp/llm-jp-tokenizer-100k.ver3.0b1.model', SHARED)
  if (existsSync(real)) return { name: 'LLM-jp ver3.0b1', url: real }
  return { name: 'unigram vectors', url: new URL('../../packages/tokenizer/vectors/unigram.model', import.meta.url) }
}
