/** `kumiki tokenizer encode` and `decode`: from stdin to stdout, line by line. */
import { once } from 'node:events'
import { readBytes } from '../files/files.ts'
import { endWithReader } from '../output/closed-output.ts'
import { readLines, TextOutput } from '../output/line-streams.ts'
import { UsageError } from '../usage-error.ts'
import { openAnyTokenizer } from './tokenizer-files.ts'

interface EncodeFlags {
  model: string
  specialTokens?: boolean
  details?: boolean
  pairs?: boolean
  asFile?: boolean
  threads?: number
  json?: boolean
}

export async function encode(options: EncodeFlags): Promise<void> {
  if (options.threads !== undefined) return encodeOnThreads(options, options.threads)
  const encodeLine = await lineEncoder(options)
  // Bytes, not a string: invalid UTF-8 is replaced byte by byte, as in SentencePiece.
  await translate(options.json === true, encodeLine, (text) => text)
}

/** Encodes stdin in worker threads, which return the ids as text for stdout. */
async function encodeOnThreads(options: EncodeFlags, threads: number): Promise<void> {
  const { details, pairs, asFile, specialTokens = false, json } = options
  if (details || pairs || asFile)
    throw new UsageError(
      `--threads cannot be combined with --${details ? 'details' : pairs ? 'pairs' : 'as-file'}; leave out one of the two`,
    )
  const tokenizer = await openAnyTokenizer(options.model)
  const { EncodePool } = await import('@kumiki/tokenizer/node')
  const pool = new EncodePool(await readBytes(options.model), { threads })
  endWithReader()
  const write = async (text: string) => {
    if (!process.stdout.write(text)) await once(process.stdout, 'drain')
  }
  const decoder = new TextDecoder()
  try {
    const ends =
      'encodeFull' in tokenizer ? { addSpecialTokens: specialTokens } : { addBos: specialTokens, addEos: specialTokens }
    let some = false
    for await (const part of pool.encodeFileAsText(process.stdin, ends)) {
      const lines = decoder.decode(part)
      // All lines of a JSON array but the last end with a comma.
      await write(json ? `${some ? ',\n' : '[\n'}${lines.trimEnd().replaceAll('\n', ',\n')}` : lines)
      some = true
    }
    if (json) await write(some ? '\n]\n' : '[]\n')
  } finally {
    await pool.close()
  }
}

/** Encodes the bytes of a line to JSON: its ids, or with --details its pieces, offsets and masks. */
async function lineEncoder(options: EncodeFlags): Promise<(line: Uint8Array, number: number) => string> {
  const tokenizer = await openAnyTokenizer(options.model)
  const ids = (list: ArrayLike<number>) => `[${Array.from(list).join(', ')}]`
  const { specialTokens: addSpecialTokens = false, details = false, pairs = false, asFile = false } = options
  if (!('encodeFull' in tokenizer)) {
    for (const [flag, given] of [
      ['--pairs', pairs],
      ['--as-file', asFile],
    ] as const)
      if (given) throw new UsageError(`${flag} needs a tokenizer.json; ${options.model} is a SentencePiece model`)
    const ends = { addBos: addSpecialTokens, addEos: addSpecialTokens }
    if (!details) return (line) => ids(tokenizer.encode(line, ends))
    if (addSpecialTokens) throw new UsageError('--details with --special-tokens needs a tokenizer.json')
    return (line) => asJson(tokenizer.encodeWithOffsets(line))
  }
  if (!details && !pairs && !asFile) return (line) => ids(tokenizer.encode(line, { addSpecialTokens }))
  return (line, number) => {
    const tab = pairs ? line.indexOf(0x09) : line.length
    if (tab < 0) throw new Error(`line ${number} of stdin has no tab; --pairs needs two texts separated by a tab`)
    const pair = pairs ? line.subarray(tab + 1) : undefined
    const full = tokenizer.encodeFull(line.subarray(0, tab), { addSpecialTokens, asFile, ...(pair && { pair }) })
    return details ? asJson(full) : ids(full.ids)
  }
}

/** An encoding as JSON, with typed arrays as arrays. */
function asJson(encoding: object): string {
  return JSON.stringify(encoding, (_, value) => (ArrayBuffer.isView(value) ? Array.from(value as never) : value))
}

export async function decode(options: { model: string; json?: boolean }): Promise<void> {
  const tokenizer = await openAnyTokenizer(options.model)
  const { TokenizerError } = await import('@kumiki/tokenizer')
  await translate(
    options.json === true,
    (line, number) => {
      const ids = parseIds(line, number)
      try {
        return tokenizer.decode(ids)
      } catch (error) {
        if (error instanceof TokenizerError) throw new Error(`line ${number}: ${error.message}`)
        throw error
      }
    },
    JSON.stringify,
  )
}

/** Processes stdin to stdout line by line, or to one JSON array. Results before an invalid line are still written. */
async function translate(
  json: boolean,
  line: (bytes: Uint8Array, number: number) => string,
  asJson: (text: string) => string,
): Promise<void> {
  endWithReader()
  const output = new TextOutput(process.stdout)
  let number = 0
  try {
    for await (const bytes of readLines(process.stdin)) {
      const text = line(bytes, ++number)
      await output.write(json ? `${number === 1 ? '[\n' : ',\n'}${asJson(text)}` : `${text}\n`)
    }
    if (json) await output.write(number === 0 ? '[]\n' : '\n]\n')
  } finally {
    await output.flush()
  }
}

function parseIds(line: Uint8Array, number: number): number[] {
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder().decode(line))
  } catch {
    // Reported below.
  }
  if (Array.isArray(json) && json.every((id) => Number.isInteger(id) && id >= 0)) return json
  const start = new TextDecoder().decode(line.subarray(0, 60))
  throw new Error(`line ${number} of stdin must be a JSON array of ids such as [5, 17], got ${JSON.stringify(start)}`)
}
