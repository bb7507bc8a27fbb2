/** A file that another program writes: what is there, then what is added, over rotations. */
import { type FileHandle, open, stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

export interface FollowOptions {
  /** New text, cut anywhere. */
  readonly onText: (text: string) => void
  /** After every look at the file; what it gives true for ends the following. */
  readonly onLook: () => boolean | undefined
  /** Another file has the name now, or the file was cut short. */
  readonly onRotation: () => void
  /** Ends it. */
  readonly signal: AbortSignal
  /** Milliseconds between two looks. Default 1,000. */
  readonly interval?: number
}

const pieceBytes = 1 << 20

/** Reads a file from its beginning and follows it. While it is missing, as between two rotations, it is waited for. @throws Error where it cannot be read at first */
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
      // What the old file got before it was moved away was read in the last look but for what came since.
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
