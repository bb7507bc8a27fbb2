/**
 * Data of a fine-tuning run: reads and encodes conversations, fits them to the sequence length, and splits off held-out
 * ones.
 */
import { type ExcessLengthStrategy, fitDocuments, type MaskedDocument, packBestFit } from '@kumiki/data'
import { conversationStream } from '@kumiki/data/node'
import type { HeldOutText } from '@kumiki/train'
import type { ChatFormat } from './chat-format.ts'

/** An encoded conversation, with its file and line. */
interface EncodedConversation extends MaskedDocument {
  readonly ids: Int32Array
  readonly mask: Uint8Array
  readonly where: string
}

export interface TuningData {
  readonly train: readonly MaskedDocument[]
  readonly heldOut: HeldOutText | undefined
  /** Numbers of conversations for training, held out, truncated and dropped. */
  readonly counts: {
    readonly train: number
    readonly heldOut: number
    readonly truncated: number
    readonly dropped: number
  }
  readonly sequenceLength: number
}

export interface TuningDataOptions {
  readonly data: readonly string[]
  /** Files, or a fraction of the data, evenly spaced. */
  readonly heldOut: readonly string[] | number
  /**
   * Default: enough for the longest conversation and for packing several, at most `contextLength` and 1,024.
   */
  readonly sequenceLength?: number
  readonly contextLength: number
  readonly tooLong: ExcessLengthStrategy
  /** Called regularly, so that signals are handled. */
  readonly listen: () => Promise<void>
}

/** @throws Error naming file, line and fault */
export async function loadTuningData(format: ChatFormat, options: TuningDataOptions): Promise<TuningData> {
  const { heldOut, contextLength, tooLong, listen } = options
  const all = await encodeAll(format, options.data, listen)
  const [train, other] =
    typeof heldOut === 'number' ? split(all, heldOut) : [all, await encodeAll(format, heldOut, listen)]
  const sequenceLength = options.sequenceLength ?? defaultLength(train, Math.min(contextLength, 1024))
  const fit = (conversations: readonly EncodedConversation[]) =>
    fitDocuments(conversations, sequenceLength, tooLong, (i) => conversations[i].where)
  const fitted = fit(train)
  if (fitted.documents.length === 0)
    throw new Error(
      `no conversation of ${options.data.join(', ')} has an answer that fits into ${sequenceLength} tokens; give a larger --sequence-length`,
    )
  const held = other.length > 0 ? fit(other) : undefined
  return {
    train: fitted.documents,
    heldOut: held && held.documents.length > 0 ? packHeldOut(held.documents, sequenceLength) : undefined,
    counts: {
      train: fitted.documents.length,
      heldOut: held?.documents.length ?? 0,
      truncated: fitted.truncated + (held?.truncated ?? 0),
      dropped: fitted.dropped + (held?.dropped ?? 0),
    },
    sequenceLength,
  }
}

/**
 * A multiple of 64, chosen so that short conversations are packed together and a small dataset still gives several
 * batches.
 */
function defaultLength(conversations: readonly EncodedConversation[], most: number): number {
  const total = conversations.reduce((sum, { ids }) => sum + ids.length, 0)
  const longest = conversations.reduce((length, { ids }) => Math.max(length, ids.length), 8)
  return Math.min(most, Math.ceil(Math.max(longest, Math.min(512, total / 64)) / 64) * 64)
}

async function encodeAll(
  format: ChatFormat,
  paths: readonly string[],
  listen: () => Promise<void>,
): Promise<EncodedConversation[]> {
  const all: EncodedConversation[] = []
  if (paths.length === 0) return all
  for await (const { where, ...conversation } of conversationStream(paths)) {
    try {
      all.push({ ...format.forTraining(conversation), where })
    } catch (error) {
      throw new Error(`${where}: ${(error as Error).message}`, { cause: error })
    }
    if (all.length % 64 === 0) await listen()
  }
  return all
}

/** Splits off evenly spaced items; at least one remains for training. */
function split<T>(all: readonly T[], part: number): [T[], T[]] {
  const wanted = Math.min(all.length - 1, Math.floor(all.length * part))
  const chosen = new Set(Array.from({ length: wanted }, (_, i) => Math.floor(((i + 0.5) * all.length) / wanted)))
  return [all.filter((_, i) => !chosen.has(i)), all.filter((_, i) => chosen.has(i))]
}

function packHeldOut(documents: readonly MaskedDocument[], sequenceLength: number): HeldOutText {
  const { inputs, targets, segments } = packBestFit(
    documents.map(({ ids }) => ids),
    sequenceLength,
    { masks: documents.map(({ mask }) => mask) },
  )
  const tokens = targets.reduce((count, target) => count + (target >= 0 ? 1 : 0), 0)
  return { inputs, targets, documents: segments, sequenceLength, tokens }
}
