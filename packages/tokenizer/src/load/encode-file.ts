/** Streaming encoding of text files, line by line. */
import { type ByteChunks, type EncodeFileOptions, lineBlocks, linesOf } from './line-blocks.ts'

/** An encoder of lines given as UTF-8 bytes. */
type LineEncoder = { encode(line: Uint8Array): Int32Array }

/**
 * Encodes a text file line by line while reading it; memory is bounded by the chunk size and the longest line.
 * Lines end with a line feed, which is not encoded; the last may lack it.
 * @param source a path, or chunks of UTF-8 bytes, which may split characters
 * @returns the ids of each line
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
