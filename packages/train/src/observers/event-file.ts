/**
 * TensorBoard's event files: protocol buffer records, each with checksums of its length and its data. Node only.
 */
import { type FileHandle, open, readdir } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { makeFolder } from '@kumiki/data/node'
import { maskedCrc32c } from './crc32c.ts'

const { Bit32, Bit64, LengthDelimited, Varint } = WireType

/** One event: scalars and texts of a step. */
export interface TensorBoardEvent {
  /** Seconds since 1970. */
  readonly wallTime: number
  readonly step: number
  /** Scalars by tag; stored as float32. */
  readonly scalars?: Readonly<Record<string, number>>
  /** Markdown by tag. */
  readonly texts?: Readonly<Record<string, string>>
  /** The first event of a file. */
  readonly fileVersion?: string
  /** Marks a restart: TensorBoard discards earlier events of this step and later ones. */
  readonly restart?: boolean
}

/** Encodes an Event of tensorflow/core/util/event.proto; the numbers are field numbers. */
export function encodeEvent({
  wallTime,
  step,
  scalars = {},
  texts = {},
  fileVersion,
  restart,
}: TensorBoardEvent): Uint8Array {
  const event = new BinaryWriter().tag(1, Bit64).double(wallTime).tag(2, Varint).int64(step)
  if (fileVersion !== undefined) event.tag(3, LengthDelimited).string(fileVersion)
  if (restart) event.tag(7, LengthDelimited).fork().tag(1, Varint).int32(1).join() // session_log { status: START }
  const values = [
    ...Object.entries(scalars).map(
      ([tag, value]) =>
        (w: BinaryWriter) =>
          w.tag(1, LengthDelimited).string(tag).tag(2, Bit32).float(single(value)),
    ),
    ...Object.entries(texts).map(
      ([tag, text]) =>
        (w: BinaryWriter) =>
          encodeText(w, tag, text),
    ),
  ]
  if (values.length > 0) {
    event.tag(5, LengthDelimited).fork() // summary
    for (const write of values) {
      event.tag(1, LengthDelimited).fork() // value
      write(event)
      event.join()
    }
    event.join()
  }
  return event.finish()
}

/** Rounds to float32, because the writer rejects values outside its range. */
const single = (value: number) => Math.fround(value)

/** A Summary.Value for the text plugin: a tensor of one string. */
function encodeText(w: BinaryWriter, tag: string, text: string): void {
  w.tag(1, LengthDelimited).string(tag)
  w.tag(8, LengthDelimited).fork() // tensor
  w.tag(1, Varint).int32(7) // DT_STRING
  w.tag(2, LengthDelimited).fork().tag(2, LengthDelimited).fork().tag(1, Varint).int64(1).join().join() // shape [1]
  w.tag(8, LengthDelimited).string(text).join()
  w.tag(9, LengthDelimited).fork().tag(1, LengthDelimited).fork().tag(1, LengthDelimited).string('text').join().join()
}

/** A record: length (uint64), its checksum, the data, its checksum; little-endian. */
export function encodeRecord(data: Uint8Array): Uint8Array {
  const record = new Uint8Array(data.length + 16)
  const view = new DataView(record.buffer)
  view.setBigUint64(0, BigInt(data.length), true)
  view.setUint32(8, maskedCrc32c(record.subarray(0, 8)), true)
  record.set(data, 12)
  view.setUint32(12 + data.length, maskedCrc32c(data), true)
  return record
}

let files = 0

/** An event file open for writing. */
export class EventFile {
  readonly path: string
  private readonly file: FileHandle
  private waiting: Uint8Array[] = []

  private constructor(path: string, file: FileHandle) {
    this.path = path
    this.file = file
  }

  /**
   * Creates a uniquely named file in a folder. TensorBoard reads files in the order of their names, so the time in the
   * name is later than in those of existing files, even if the clock was set back or the last file was created in the
   * same second.
   */
  static async create(folder: string, wallTime = Date.now() / 1000): Promise<EventFile> {
    await makeFolder(folder)
    const host = hostname().replaceAll(/[^\w.-]/g, '_')
    const times = (await readdir(folder)).map((name) =>
      Number(/^events\.out\.tfevents\.(\d{1,15})\./.exec(name)?.[1] ?? 0),
    )
    const time = times.reduce((latest, t) => Math.max(latest, t + 1), Math.floor(wallTime))
    const path = join(folder, `events.out.tfevents.${time}.${host}.${process.pid}.${files++}`)
    const made = new EventFile(path, await open(path, 'wx'))
    made.add({ wallTime, step: 0, fileVersion: 'brain.Event:2' })
    return made
  }

  /** Buffers an event until `flush`. */
  add(event: TensorBoardEvent): void {
    this.waiting.push(encodeRecord(encodeEvent(event)))
  }

  async flush(): Promise<void> {
    if (this.waiting.length === 0) return
    const bytes = Buffer.concat(this.waiting)
    this.waiting = []
    await this.file.appendFile(bytes)
  }

  async close(): Promise<void> {
    await this.flush()
    await this.file.close()
  }
}
