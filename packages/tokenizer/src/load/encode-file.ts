/** Encoding of files larger than memory, line by line. */
import { type ByteChunks, type EncodeFileOptions, lineBlocks, linesOf } from './line-blocks.ts'

/** Anything that encodes a line given as UTF-8 bytes. */
type LineEncoder = { encode(line: Uint8Array): Int32Array }

/**
 * Encodes a text file line by line while it is read, in memory for the longest line, not the file.
 * Lines end with a line feed, which is no part of them; the last may lack it. The ids are those of encoding each line.
 * @param source a path, or chunks of UTF-8 bytes (a character may be cut between two)
 * @throws TokenizerError where the file cannot be read
 * @example
 * const tokenizer = await openTokenizer('my.model')
 * let lineCount = 0
 * for await (const ids of encodeFile(tokenizer, 'lines.txt')) lineCount += ids.length > 0 ? 1 : 0
 * lineCount // 3
 */
export async function* encodeFile(
  tokenizer: LineEncoder,
  source: string | URL | ByteChunks,
  options: EncodeFileOptions = {},
): AsyncGenerator<Int32Array> {
  for await (const block of lineBlocks(source, options)) {
    for (const line of linesOf(block)) yield tokenizer.encode(line)
  }
}
