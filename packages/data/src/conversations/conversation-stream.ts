/** Streaming reader of conversations in JSON Lines files. Node only. */
import { byteStream } from '../sources/byte-stream.ts'
import { findFiles } from '../sources/find-files.ts'
import { lineStream } from '../sources/line-stream.ts'
import { type Conversation, parseConversation } from './conversation.ts'

/** A conversation and its position. */
export interface ReadConversation extends Conversation {
  /** `FILE:LINE` */
  readonly where: string
}

/**
 * Reads conversations from `.jsonl` files (also `.gz`, `.zst`), in memory for one line. Empty lines are skipped.
 * @param paths files, or folders with such files
 * @param options.maxLineBytes limit of the length of a line in bytes; default 16 MiB
 * @throws Error that names file, line and field, and says what is accepted
 */
export async function* conversationStream(
  paths: readonly string[],
  options: { readonly maxLineBytes?: number } = {},
): AsyncGenerator<ReadConversation> {
  const { maxLineBytes = 16 * 2 ** 20 } = options
  const files = await findFiles(paths, (name) => /\.(jsonl|ndjson)(\.gz|\.zst)?$/i.test(name))
  for (const path of files) {
    let number = 0
    let found = 0
    for await (const { text } of lineStream(byteStream(path), { path, maxLineBytes })) {
      number++
      if (text.trim() === '') continue
      const where = `${path}:${number}`
      let json: unknown
      try {
        json = JSON.parse(text)
      } catch (error) {
        throw new Error(`${where}: it is not JSON (${(error as Error).message}); each line is one conversation`)
      }
      try {
        yield { ...parseConversation(json), where }
      } catch (error) {
        throw new Error(`${where}: ${(error as Error).message}`, { cause: error })
      }
      found++
    }
    if (found === 0) throw new Error(`${path}: it has no conversations; give JSON lines with "messages"`)
  }
}
