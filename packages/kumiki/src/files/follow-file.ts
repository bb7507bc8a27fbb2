/**
 * Follows a file that another program writes, like `tail -F`: its content, then what is appended, across log rotation.
 */
import { type FileHandle, open, stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

export interface FollowOptions {
  /** Called with new text; a piece may end in the middle of a line. */
  readonly onText: (text: string) => void
  /** Called after each poll of the file; returning true stops following. */
  readonly onLook: () => boolean | undefined
  /** Called when the path names a new file, or the file was truncated. */
  readonly onRotation: () => void
  /** Stops following. */
  readonly signal: AbortSignal
  /** Milliseconds between two polls. Default 1,000. */
  readonly interval?: number
}

const pieceBytes = 1 << 20

/**
 * Reads a file from its beginning and follows it. While the path does not exist, as during a rotation, it keeps
 * polling.
 * @throws Error where it cannot be read at first
 */
export async function followFile(path: string, options: FollowOptions): Promise<void> {
  const { onText, onLook, onRotation, signal, interval = 1000 } = options
  let file: FileHandle | undefined = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    throw new Error(`${path}: cannot be read (${error.code ?? error.message})`)
  })
  let inode = (await file.stat()).ino
  let decoder = new TextDecoder()
  let at = 0
  const buffer = new Uint8Array(pieceBytes)
  try {
    for (;;) {
      while (file) {
        const { bytesRead } = await file.read(buffer, 0, pieceBytes, at)
        if (bytesRead === 0) break
        at += bytesRead
        onText(decoder.decode(buffer.subarray(0, bytesRead), { stream: true }))
      }
      if (onLook() || signal.aborted) return
      await sleep(interval, undefined, { signal }).catch(() => {})
      if (signal.aborted) return
      const now = await stat(path).catch(() => undefined)
      if (!now || (file && now.ino === inode && now.size >= at)) continue
      // After a rotation, read what was appended to the old file since the last poll.
      if (file && now.ino !== inode)
        for (let read = 1; read > 0; at += read) {
          read = (await file.read(buffer, 0, pieceBytes, at)).bytesRead
          if (read > 0) onText(decoder.decode(buffer.subarray(0, read), { stream: true }))
        }
      await file?.close()
      file = await open(path, 'r').catch(() => undefined)
      inode = now.ino
      at = 0
      decoder = new TextDecoder()
      onRotation()
    }
  } finally {
    await file?.close()
  }
}
