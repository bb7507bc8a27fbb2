// Writes tensorboard-events.json from tensorboard-events.ts, and the same as an event file for check_tensorboard.py:
//   node --conditions=source --import tsx vectors/make_tensorboard_events.mjs FOLDER
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeEvent, encodeRecord } from '../src/observers/event-file.ts'
import { vectorEvents } from './tensorboard-events.ts'

const folder = process.argv[2]
const records = vectorEvents.map((event) => Buffer.from(encodeRecord(encodeEvent(event))))
mkdirSync(folder, { recursive: true })
writeFileSync(join(folder, 'events.out.tfevents.1700000000.host.1.0'), Buffer.concat(records))
const text = {
  made: 'make_tensorboard_events.mjs; read back equal by check_tensorboard.py (tensorboard 2.21.0, protobuf 7.36.2)',
}
writeFileSync(
  new URL('tensorboard-events.json', import.meta.url),
  `${JSON.stringify({ ...text, records: records.map((r) => r.toString('base64')) }, null, 2)}\n`,
)
