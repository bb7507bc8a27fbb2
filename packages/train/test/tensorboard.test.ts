/** TensorBoard event files: bytes, checksums, resumed runs, full disks. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { afterAll, expect, test } from 'vitest'
import type { Run, RunObserver, StepMetrics } from '../src/index.ts'
import { tensorBoardObserver } from '../src/node.ts'
import { crc32c, maskedCrc32c } from '../src/observers/crc32c.ts'
import { encodeEvent, encodeRecord } from '../src/observers/event-file.ts'
import { vectorEvents } from '../vectors/tensorboard-events.ts'

const folder = await mkdtemp(join(tmpdir(), 'kumiki-tensorboard-'))
afterAll(() => rm(folder, { recursive: true }))

/** Records of a file whose checksums fit. */
function records(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const found: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = Number(view.getBigUint64(at, true))
    const data = bytes.subarray(at + 12, at + 12 + length)
    expect(view.getUint32(at + 8, true)).toBe(maskedCrc32c(bytes.subarray(at, at + 8)))
    expect(view.getUint32(at + 12 + length, true)).toBe(maskedCrc32c(data))
    found.push(data)
    at += 16 + length
  }
  return found
}

type Fields = { readonly [field: number]: (number | bigint | Uint8Array)[] }

/** A message by the numbers of its fields. */
function message(bytes: Uint8Array): Fields {
  const reader = new BinaryReader(bytes)
  const fields: Record<number, (number | bigint | Uint8Array)[]> = {}
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag()
    const value =
      type === WireType.Bit64
        ? reader.double()
        : type === WireType.Bit32
          ? reader.float()
          : type === WireType.Varint
            ? reader.int64()
            : reader.bytes()
    fields[field] = [...(fields[field] ?? []), value as number]
  }
  return fields
}

const text = (value: unknown) => new TextDecoder().decode(value as Uint8Array)
const inside = (value: unknown) => message(value as Uint8Array)

/** Scalars and texts of an event. */
function read(data: Uint8Array) {
  const event = message(data)
  const values = event[5] ? inside(event[5][0])[1].map(inside) : []
  return {
    wallTime: event[1][0],
    step: Number(event[2]?.[0] ?? 0),
    version: event[3] && text(event[3][0]),
    restart: event[7] ? Number(inside(event[7][0])[1][0]) : undefined,
    scalars: Object.fromEntries(values.filter((v) => v[2]).map((v) => [text(v[1][0]), v[2][0]])),
    texts: Object.fromEntries(values.filter((v) => v[8]).map((v) => [text(v[1][0]), text(inside(v[8][0])[8][0])])),
  }
}

test('checksums are those of RFC 3720', () => {
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa)
  expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43)
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e)
})

test('events have the bytes that TensorBoard itself read back equal', async () => {
  const vectors = JSON.parse(await readFile(new URL('../vectors/tensorboard-events.json', import.meta.url), 'utf8'))
  expect(vectors.records).toEqual(vectorEvents.map((e) => Buffer.from(encodeRecord(encodeEvent(e))).toString('base64')))
})

test('a run writes steps, evaluations and its configuration; one that goes on says what it replaces', async () => {
  let clock = 1e12
  const observe = async (step: number, steps: readonly number[]) => {
    const observer = tensorBoardObserver({
      folder,
      configuration: { seed: 3 },
      now: () => clock++,
    }) as Required<RunObserver>
    const run = { trainer: { step } } as Run
    await observer.onStart(run)
    for (const s of steps)
      await observer.onStep(
        { step: s, tokens: s * 64, loss: 5 - s, mfu: s === 2 ? Number.NaN : 0.5 } as unknown as StepMetrics,
        run,
      )
    await observer.onEvaluation({ step: steps.at(-1)!, natsPerToken: 2.5, nats: 1, tokens: 1 }, run)
    await observer.onEnd({ kind: 'finished' }, run)
  }
  await observe(0, [1, 2])
  await observe(1, [2])
  const files = (await readdir(folder)).sort()
  expect(files.length).toBe(2)
  const [first, second] = await Promise.all(
    files.map(async (name) => records(await readFile(join(folder, name))).map(read)),
  )
  expect(first.map(({ version }) => version)).toEqual(['brain.Event:2', undefined, undefined, undefined, undefined])
  expect(first[1].texts.configuration).toContain('"seed": 3')
  expect(first.slice(2).map(({ step, scalars }) => [step, scalars])).toEqual([
    [1, { 'train/tokens': 64, 'train/loss': 4, 'performance/mfu': 0.5 }],
    [2, { 'train/tokens': 128, 'train/loss': 3, 'performance/mfu': Number.NaN }],
    [2, { 'heldOut/natsPerToken': 2.5 }],
  ])
  expect(second[1]).toMatchObject({ step: 2, restart: 1 })
  expect(first[2].wallTime).toBeGreaterThan(1e9)
})

test('a folder that cannot be written to is told once, and ends no run', async () => {
  const said: string[] = []
  const observer = tensorBoardObserver({
    folder: '/proc/kumiki',
    log: (line) => said.push(line),
  }) as Required<RunObserver>
  const run = { trainer: { step: 0 } } as Run
  await observer.onStart(run)
  await observer.onStep({ step: 1, loss: 1 } as unknown as StepMetrics, run)
  await observer.onEnd({ kind: 'finished' }, run)
  expect(said).toEqual([expect.stringMatching(/events are no longer written/)])
})
