/** Reading and writing of Megatron-LM's token files on disk. Node only. */

import { checkIterable, checkOptions } from '../check-argument.ts'
import { DatasetWriter } from './dataset-writer.ts'
import {
  checkVocabulary,
  type DatasetIndex,
  decodeDocument,
  decodeInto,
  decodeSequence,
  encodeTokens,
  littleEndian,
  parseIndex,
  tokenDtype,
} from './indexed-dataset.ts'
import type { TokenSubset } from './subset-record.ts'

/**
 * Writes PREFIX.bin and PREFIX.idx, document by document, with 4 bytes per document in memory. Both files are written
 * under temporary names and renamed at the end, so that a failure does not change an existing dataset.
 * @param options.vocabSize determines the dtype (uint16 below 65,500, else int32) and bounds the ids
 * @param options.eosId appended to every document that has tokens (`--append-eod`); default: none
 * @param options.subsets origin of the texts (or a function of the number of tokens written), stored in
 *   PREFIX.subsets.json for `readSubsets`; default: unknown
 * @returns number of documents and tokens written
 * @throws RangeError for an id outside the vocabulary, with its document and position; Error that names a file that
 *   cannot be written
 * @example
 * await writeIndexedDataset('mine', [[3, 4, 5], [6, 7]], { vocabSize: 100, eosId: 2 })
 * using dataset = await openIndexedDataset('mine')
 * dataset.document(1) // [6, 7, 2]
 */
export async function writeIndexedDataset(
  prefix: string,
  documents: Iterable<ArrayLike<number>> | AsyncIterable<ArrayLike<number>>,
  options: {
    vocabSize: number
    eosId?: number
    subsets?: readonly TokenSubset[] | ((tokens: number) => readonly TokenSubset[])
  },
): Promise<{ documents: number; tokens: number }> {
  checkOptions('writeIndexedDataset', options, 'vocabSize')
  checkIterable('writeIndexedDataset: documents', documents, '[[5, 6, 7], [8, 9]]')
  const { vocabSize, eosId, subsets } = options
  checkVocabulary('writeIndexedDataset', vocabSize, eosId)
  const end = eosId === undefined ? null : encodeTokens([eosId], vocabSize)
  const files = new DatasetWriter(prefix, tokenDtype(vocabSize))
  try {
    let number = 0
    for await (const document of documents) {
      files.write(encodeTokens(document, vocabSize, number++))
      if (end && document.length > 0) files.write(end)
      files.endDocument(document.length + (end && document.length > 0 ? 1 : 0))
    }
    return files.close(typeof subsets === 'function' ? subsets : subsets && (() => subsets))
  } catch (error) {
    files.abandon()
    throw error
  }
}

/** An open dataset: the index is in memory, ids are read from disk on demand. */
export interface IndexedDatasetFile extends DatasetIndex {
  /** Total number of tokens. */
  readonly tokens: number
  /** Number of tokens of document `index`, from the index alone. */
  documentLength(index: number): number
  /** Reads the ids of document `index`. */
  document(index: number): Int32Array
  /** Reads `length` ids of sequence `index` from `offset` on. */
  sequence(index: number, offset: number, length: number): Int32Array
  /** Reads into an existing array, without allocations. */
  readSequence(index: number, offset: number, into: Int32Array): void
  /**
   * Fills `into` with the ids from `position` on of the whole stream, in the order of .bin.
   * @throws RangeError outside the stream, or where sequences are not contiguous in .bin (those of Megatron-LM and
   *   `writeIndexedDataset` are)
   */
  readStream(position: number, into: Int32Array): void
  close(): void
  [Symbol.dispose](): void
}

function unreadable(path: string, error: NodeJS.ErrnoException): Error {
  const fault = error.code === 'ENOENT' ? 'there is no such file' : error.message
  return new Error(`${path}: ${fault}; give the prefix of token files, without .bin or .idx`, { cause: error })
}

/**
 * Reads only PREFIX.idx (lengths and documents), for datasets whose .bin is elsewhere. Offsets are checked against .bin
 * if it exists.
 * @throws Error for a missing file, RangeError for a malformed one
 */
export async function readDatasetIndex(prefix: string): Promise<DatasetIndex> {
  const { readFile, stat } = await import('node:fs/promises')
  const path = `${prefix}.idx`
  const bin = await stat(`${prefix}.bin`).catch(() => null)
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw unreadable(path, error)
  })
  try {
    return parseIndex(bytes, bin?.size ?? Number.POSITIVE_INFINITY)
  } catch (error) {
    throw new RangeError(`${path}: ${(error as Error).message.replace(/^\.idx file: /, '')}`, { cause: error })
  }
}

/**
 * Opens PREFIX.bin and PREFIX.idx; close it, or declare it with `using`.
 * @throws Error for a missing file, RangeError for files that are malformed or do not belong together
 * @example
 * using dataset = await openIndexedDataset('corpus_text_document')
 * dataset.tokens // 260
 */
export async function openIndexedDataset(prefix: string): Promise<IndexedDatasetFile> {
  const { closeSync, fstatSync, openSync, readFileSync, readSync } = await import('node:fs')
  const open = (path: string): number => {
    try {
      return openSync(path, 'r')
    } catch (error) {
      throw unreadable(path, error as NodeJS.ErrnoException)
    }
  }
  const descriptor = open(`${prefix}.bin`)
  let index: DatasetIndex
  try {
    const idx = open(`${prefix}.idx`)
    try {
      index = parseIndex(readFileSync(idx), fstatSync(descriptor).size)
    } catch (error) {
      const { message } = error as Error
      throw new RangeError(`${prefix}.idx: ${message.replace(/^\.idx file: /, '')}`, { cause: error })
    } finally {
      closeSync(idx)
    }
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
  let isOpen = true
  const close = () => {
    if (isOpen) closeSync(descriptor)
    isOpen = false
  }
  const read = (byteOffset: number, byteLength: number, bytes = new Uint8Array(byteLength)): Uint8Array => {
    let filled = 0
    while (filled < byteLength) {
      const count = readSync(descriptor, bytes, filled, byteLength - filled, byteOffset + filled)
      if (count === 0)
        throw new RangeError(`${prefix}.bin: the file ends at byte ${byteOffset + filled}; it was cut while open`)
      filled += count
    }
    return bytes
  }
  let tokens = 0
  for (const length of index.sequenceLengths) tokens += length
  let buffer = new Uint8Array(0)
  let words = new Uint16Array(0)
  let contiguous: boolean | undefined
  const decode = (byteOffset: number, into: Int32Array, what: () => string) => {
    const byteLength = into.length * index.bytesPerToken
    if (buffer.length < byteLength) {
      buffer = new Uint8Array(2 * byteLength)
      words = new Uint16Array(buffer.buffer)
    }
    read(byteOffset, byteLength, buffer)
    if (littleEndian && index.dtype === 'uint16') {
      for (let i = 0; i < into.length; i++) into[i] = words[i]
      return
    }
    if (!decodeInto(buffer, index.dtype, into))
      throw new RangeError(`${prefix}.bin: ${what()} has an invalid id; ids are from 0 to 2^31 - 1`)
  }
  return {
    ...index,
    tokens,
    readSequence(number, offset, into) {
      if (!isOpen) throw new Error(`${prefix}: the dataset is closed`)
      if (!(offset >= 0 && offset + into.length <= index.sequenceLengths[number]))
        throw new RangeError(`${prefix}: tokens ${offset} to ${offset + into.length - 1} are not in sequence ${number}`)
      decode(index.byteOffsets[number] + offset * index.bytesPerToken, into, () => `sequence ${number}`)
    },
    readStream(position, into) {
      if (!isOpen) throw new Error(`${prefix}: the dataset is closed`)
      if (!(Number.isInteger(position) && position >= 0 && position + into.length <= tokens))
        throw new RangeError(
          `${prefix}: tokens ${position} to ${position + into.length - 1} are not within its ${tokens}`,
        )
      contiguous ??= isContiguous(index)
      if (!contiguous)
        throw new RangeError(`${prefix}: its sequences are not contiguous in .bin; build it again with data mix`)
      decode(position * index.bytesPerToken, into, () => `the stream from token ${position} on`)
    },
    documentLength(number) {
      let length = 0
      for (let i = index.documentIndex[number]; i < index.documentIndex[number + 1]; i++)
        length += index.sequenceLengths[i]
      return length
    },
    document(number) {
      if (!isOpen) throw new Error(`${prefix}: the dataset is closed`)
      return decodeDocument(index, number, read)
    },
    sequence(number, offset, length) {
      if (!isOpen) throw new Error(`${prefix}: the dataset is closed`)
      return decodeSequence(index, number, offset, length, read)
    },
    close,
    [Symbol.dispose]: close,
  }
}

/** Whether the sequences are contiguous in .bin. */
function isContiguous({ byteOffsets, sequenceLengths, bytesPerToken }: DatasetIndex): boolean {
  let at = 0
  for (let i = 0; i < byteOffsets.length; i++) {
    if (byteOffsets[i] !== at) return false
    at += sequenceLengths[i] * bytesPerToken
  }
  return true
}
