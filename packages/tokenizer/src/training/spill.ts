/** Files for data of training that exceeds memory, and variable-length integers in them. */

/** Temporary files of training; in Node a folder. */
export type Spill = {
  /** Creates a file. It appears under its name, complete, when it is closed. */
  write(name: string): SpillWriter
  read(name: string): SpillReader
  remove(name: string): void
  /** Runs the garbage collector, so that arrays no longer referenced do not count towards the memory limit. */
  collect(): void
}

export type SpillWriter = { append(bytes: Uint8Array): void; close(): void }
/** `read` fills the array as far as the file has bytes and returns their number; 0 at the end. */
export type SpillReader = { read(into: Uint8Array): number; close(): void }

/** Writes integers as LEB128: seven bits a byte, least significant first, the eighth bit set where more follow. */
export class ByteSink {
  bytes: Uint8Array
  size = 0
  private readonly full: ((sink: ByteSink) => void) | undefined

  /** @param full called when the buffer is full; it must empty the sink. Without it the buffer grows. */
  constructor(capacity: number, full?: (sink: ByteSink) => void) {
    this.bytes = new Uint8Array(Math.max(16, capacity))
    this.full = full
  }

  /** Number of bytes that {@link varint} writes. */
  static lengthOf(value: number): number {
    let length = 1
    for (; value >= 128; length++) value = Math.floor(value / 128)
    return length
  }

  /** Writes an integer from 0 to 2^53. */
  varint(value: number): void {
    if (this.size + 8 > this.bytes.length) this.room()
    while (value >= 128) {
      this.bytes[this.size++] = (value % 128) | 128
      value = value < 0x80000000 ? value >>> 7 : Math.floor(value / 128)
    }
    this.bytes[this.size++] = value
  }

  private room(): void {
    if (this.full) {
      this.full(this)
      return
    }
    const larger = new Uint8Array(this.bytes.length * 2)
    larger.set(this.bytes)
    this.bytes = larger
  }
}

/** A sink that writes to a file. */
export function fileSink(writer: SpillWriter, capacity: number): ByteSink & { end(): void } {
  const flush = (sink: ByteSink) => {
    writer.append(sink.bytes.subarray(0, sink.size))
    sink.size = 0
  }
  const sink = new ByteSink(capacity, flush)
  return Object.assign(sink, {
    end: () => {
      flush(sink)
      writer.close()
    },
  })
}

/** Reads LEB128 integers from a file or an array. */
export class ByteSource {
  private bytes: Uint8Array
  private at: number
  private end: number
  private readonly reader: SpillReader | undefined

  constructor(from: SpillReader | Uint8Array, capacity = 0) {
    const inMemory = from instanceof Uint8Array
    this.reader = inMemory ? undefined : from
    this.bytes = inMemory ? from : new Uint8Array(Math.max(16, capacity))
    this.at = 0
    this.end = inMemory ? from.length : 0
  }

  /** Moves to a position in the array. */
  seek(at: number): void {
    this.at = at
  }

  /** Whether all bytes have been read. */
  ended(): boolean {
    if (this.at === this.end) this.fill()
    return this.at === this.end
  }

  varint(): number {
    let value = 0
    let factor = 1
    for (;;) {
      if (this.at === this.end) this.fill()
      const byte = this.bytes[this.at++]
      if (byte < 128) return value + byte * factor
      value += (byte & 127) * factor
      factor *= 128
    }
  }

  close(): void {
    this.reader?.close()
  }

  private fill(): void {
    if (!this.reader) return
    this.end = this.reader.read(this.bytes)
    this.at = 0
  }
}
