/**
 * Megatron-LM's token files: `PREFIX.bin` has the concatenated ids, `PREFIX.idx` the positions of sequences and
 * documents.
 * @see Megatron-LM megatron/core/datasets/indexed_dataset.py
 *
 * .idx, little-endian, unaligned: 9 bytes "MMIDIDX\0\0"; uint64 version 1; uint8 dtype code; uint64 sequences;
 * uint64 entries of the document index; int32[sequences] lengths in tokens; int64[sequences] byte offsets into .bin;
 * int64[entries] first sequence of each document, and the number of sequences; int8[sequences] modes (multimodal only).
 */

/** Integer dtypes of the format, with their codes and sizes in bytes. */
const dtypes = {
  uint8: { code: 1, bytes: 1 },
  int8: { code: 2, bytes: 1 },
  int16: { code: 3, bytes: 2 },
  int32: { code: 4, bytes: 4 },
  int64: { code: 5, bytes: 8 },
  uint16: { code: 8, bytes: 2 },
} as const

export type TokenDtype = keyof typeof dtypes

const magic = 'MMIDIDX\0\0'
const headerBytes = 34

/** A parsed .idx file. */
export interface DatasetIndex {
  readonly dtype: TokenDtype
  readonly bytesPerToken: number
  readonly documentCount: number
  /** Number of tokens of each sequence. */
  readonly sequenceLengths: Int32Array
  /** Offset of each sequence in .bin, in bytes. */
  readonly byteOffsets: Float64Array
  /** Document d consists of the sequences documentIndex[d] to documentIndex[d + 1] - 1. */
  readonly documentIndex: Float64Array
}

/** The dtype that Megatron-LM chooses: uint16 for vocabularies below 65,500, otherwise int32. */
export function tokenDtype(vocabSize: number): 'uint16' | 'int32' {
  return vocabSize < 65_500 ? 'uint16' : 'int32'
}

/**
 * Encodes the ids of one document for .bin.
 * @param number index of the document, for errors
 * @throws RangeError for an id outside the vocabulary, with its document and position
 */
export function encodeTokens(document: ArrayLike<number>, vocabSize: number, number = 0): Uint8Array<ArrayBuffer> {
  const wide = tokenDtype(vocabSize) === 'int32'
  const bytes = new Uint8Array(document.length * (wide ? 4 : 2))
  const view = new DataView(bytes.buffer)
  for (let i = 0; i < document.length; i++) {
    const id = document[i]
    if (!(Number.isInteger(id) && id >= 0 && id < vocabSize)) {
      throw new RangeError(`token ${i} of document ${number} must be an id from 0 to ${vocabSize - 1}, got ${id}`)
    }
    if (wide) view.setInt32(i * 4, id, true)
    else view.setUint16(i * 2, id, true)
  }
  return bytes
}

/** The header of an .idx file of `sequences` sequences in `documents` documents. */
export function encodeIndexHeader(dtype: TokenDtype, sequences: number, documents: number): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(headerBytes)
  const view = new DataView(header.buffer)
  for (let i = 0; i < magic.length; i++) header[i] = magic.charCodeAt(i)
  view.setBigUint64(9, 1n, true)
  view.setUint8(17, dtypes[dtype].code)
  view.setBigUint64(18, BigInt(sequences), true)
  view.setBigUint64(26, BigInt(documents + 1), true)
  return header
}

/**
 * Encodes the .idx file of documents of one sequence each, contiguous in .bin. A document without tokens has no
 * sequence, as in Megatron-LM's preprocessing.
 * @param lengths number of tokens of each document
 * @throws RangeError for an invalid vocabSize
 */
export function encodeIndex(lengths: ArrayLike<number>, vocabSize: number): Uint8Array<ArrayBuffer> {
  checkVocabulary('encodeIndex', vocabSize)
  const dtype = tokenDtype(vocabSize)
  const { bytes } = dtypes[dtype]
  const documents = lengths.length
  let sequences = 0
  for (let i = 0; i < documents; i++) if (lengths[i] > 0) sequences++
  const file = new Uint8Array(headerBytes + sequences * 12 + (documents + 1) * 8)
  const view = new DataView(file.buffer)
  file.set(encodeIndexHeader(dtype, sequences, documents))
  const offsetsAt = headerBytes + sequences * 4
  const documentsAt = offsetsAt + sequences * 8
  let offset = 0
  let sequence = 0
  for (let i = 0; i < documents; i++) {
    view.setBigInt64(documentsAt + i * 8, BigInt(sequence), true)
    if (lengths[i] === 0) continue
    view.setInt32(headerBytes + sequence * 4, lengths[i], true)
    view.setBigInt64(offsetsAt + sequence * 8, BigInt(offset), true)
    offset += lengths[i] * bytes
    sequence++
  }
  view.setBigInt64(documentsAt + documents * 8, BigInt(sequences), true)
  return file
}

/**
 * Encodes both files of a dataset in memory, with one sequence per document.
 * @param options.vocabSize determines the dtype and bounds the ids
 * @param options.eosId appended to every document that has tokens (`--append-eod`); default: none
 * @throws RangeError for an id outside the vocabulary
 * @example
 * const { bin, idx } = encodeIndexedDataset([[3, 4, 5], [6, 7]], { vocabSize: 100, eosId: 2 })
 * decodeIndexedDataset(bin, idx) // [[3, 4, 5, 2], [6, 7, 2]]
 */
export function encodeIndexedDataset(
  documents: readonly ArrayLike<number>[],
  options: { vocabSize: number; eosId?: number },
): { bin: Uint8Array<ArrayBuffer>; idx: Uint8Array<ArrayBuffer> } {
  const { vocabSize, eosId } = options
  checkVocabulary('encodeIndexedDataset', vocabSize, eosId)
  const parts = documents.map((document, i) =>
    encodeTokens(
      eosId === undefined || document.length === 0 ? document : [...Array.from(document), eosId],
      vocabSize,
      i,
    ),
  )
  const bin = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bin.set(part, at)
    at += part.length
  }
  const bytes = dtypes[tokenDtype(vocabSize)].bytes
  const idx = encodeIndex(
    parts.map((part) => part.length / bytes),
    vocabSize,
  )
  return { bin, idx }
}

/** @throws RangeError for an invalid vocabulary size, or an eosId outside it */
export function checkVocabulary(owner: string, vocabSize: number, eosId?: number): void {
  if (!Number.isInteger(vocabSize) || vocabSize < 1 || vocabSize > 2 ** 31 - 1) {
    throw new RangeError(`${owner}: vocabSize must be an integer from 1 to ${2 ** 31 - 1}, got ${vocabSize}`)
  }
  if (eosId !== undefined && !(Number.isInteger(eosId) && eosId >= 0 && eosId < vocabSize)) {
    throw new RangeError(`${owner}: eosId must be an id from 0 to ${vocabSize - 1}, got ${eosId}`)
  }
}

/**
 * Parses an .idx file and checks all counts, lengths and offsets against the sizes of the two files.
 * @param idx the whole .idx file
 * @param binBytes size of the .bin file in bytes
 * @throws RangeError where the file is malformed or does not belong to the .bin file
 */
export function parseIndex(idx: Uint8Array, binBytes: number): DatasetIndex {
  const fail = (fault: string): never => {
    throw new RangeError(`.idx file: ${fault}`)
  }
  if (idx.length < headerBytes) fail(`a header takes ${headerBytes} bytes, the file has ${idx.length}`)
  for (let i = 0; i < magic.length; i++) {
    if (idx[i] !== magic.charCodeAt(i))
      fail('it does not start with "MMIDIDX"; give the .idx file of an IndexedDataset')
  }
  const view = new DataView(idx.buffer, idx.byteOffset, idx.byteLength)
  const version = view.getBigUint64(9, true)
  if (version !== 1n) fail(`version ${version} is not supported, only 1 is`)
  const code = view.getUint8(17)
  const found = Object.entries(dtypes).find(([, entry]) => entry.code === code)
  if (!found) return fail(`dtype code ${code} is not an integer type (1 to 5, or 8)`)
  const [dtype, { bytes }] = found as [TokenDtype, { bytes: number }]
  const sequenceCount = view.getBigUint64(18, true)
  const entryCount = view.getBigUint64(26, true)
  const needed = 34n + sequenceCount * 12n + entryCount * 8n
  if (BigInt(idx.length) !== needed && BigInt(idx.length) !== needed + sequenceCount) {
    fail(
      `${sequenceCount} sequences and ${entryCount} document entries take ${needed} bytes, the file has ${idx.length}`,
    )
  }
  const sequences = Number(sequenceCount)
  const entries = Number(entryCount)
  const sequenceLengths = new Int32Array(sequences)
  const byteOffsets = new Float64Array(sequences)
  const documentIndex = new Float64Array(entries)
  const offsetsAt = headerBytes + sequences * 4
  const documentsAt = offsetsAt + sequences * 8
  for (let i = 0; i < sequences; i++) {
    const length = view.getInt32(headerBytes + i * 4, true)
    const offset = int64(view, offsetsAt + i * 8)
    if (length < 0 || offset < 0 || offset % bytes !== 0 || offset + length * bytes > binBytes) {
      fail(`sequence ${i} (${length} tokens at byte ${offset}) is outside a .bin file of ${binBytes} bytes`)
    }
    sequenceLengths[i] = length
    byteOffsets[i] = offset
  }
  // Overlapping sequences would let a small file claim any number of tokens.
  let total = 0
  for (const length of sequenceLengths) total += length * bytes
  if (total > binBytes) {
    fail(
      `its ${sequences} sequences take ${total} bytes, but the .bin file has ${binBytes}: sequences overlap, so the files do not belong together`,
    )
  }
  for (let i = 0; i < entries; i++) {
    const first = int64(view, documentsAt + i * 8)
    const lower = i === 0 ? 0 : documentIndex[i - 1]
    const upper = i === 0 ? 0 : sequences
    if (first < lower || first > upper) fail(`document entry ${i} must be from ${lower} to ${upper}, got ${first}`)
    documentIndex[i] = first
  }
  if (entries === 0 || documentIndex[entries - 1] !== sequences) {
    fail(`the document entries must start with 0 and end with the number of sequences, ${sequences}`)
  }
  return { dtype, bytesPerToken: bytes, documentCount: entries - 1, sequenceLengths, byteOffsets, documentIndex }
}

/**
 * Decodes the ids of one document.
 * @param read returns `byteLength` bytes of .bin from `byteOffset` on
 * @throws RangeError for a document outside the dataset, or an invalid id
 */
export function decodeDocument(
  index: DatasetIndex,
  document: number,
  read: (byteOffset: number, byteLength: number) => Uint8Array,
): Int32Array {
  if (!Number.isInteger(document) || document < 0 || document >= index.documentCount) {
    throw new RangeError(`document must be an integer from 0 to ${index.documentCount - 1}, got ${document}`)
  }
  const { sequenceLengths, byteOffsets, documentIndex, dtype, bytesPerToken } = index
  const [first, end] = [documentIndex[document], documentIndex[document + 1]]
  let length = 0
  for (let sequence = first; sequence < end; sequence++) length += sequenceLengths[sequence]
  const ids = new Int32Array(length)
  let at = 0
  for (let sequence = first; sequence < end; sequence++) {
    const bytes = read(byteOffsets[sequence], sequenceLengths[sequence] * bytesPerToken)
    if (decodeInto(bytes, dtype, ids.subarray(at, at + sequenceLengths[sequence]))) {
      at += sequenceLengths[sequence]
      continue
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (let i = 0; i < sequenceLengths[sequence]; i++) {
      const id = readId(view, i, dtype)
      if (id < 0 || id > 2 ** 31 - 1)
        throw new RangeError(`.bin file: token ${at} of document ${document} must be from 0 to 2^31 - 1, got ${id}`)
      ids[at++] = id
    }
  }
  return ids
}

/**
 * Decodes a part of one sequence, `length` tokens from `offset` on.
 * @param read returns `byteLength` bytes of .bin from `byteOffset` on
 * @throws RangeError for a range outside the sequence, or an invalid id
 */
export function decodeSequence(
  index: DatasetIndex,
  sequence: number,
  offset: number,
  length: number,
  read: (byteOffset: number, byteLength: number) => Uint8Array,
): Int32Array {
  const { sequenceLengths, byteOffsets, dtype, bytesPerToken } = index
  const whole = sequenceLengths[sequence]
  if (whole === undefined || !(offset >= 0 && length >= 0 && offset + length <= whole))
    throw new RangeError(`tokens ${offset} to ${offset + length - 1} are not in sequence ${sequence}`)
  const bytes = read(byteOffsets[sequence] + offset * bytesPerToken, length * bytesPerToken)
  const ids = new Int32Array(length)
  if (decodeInto(bytes, dtype, ids)) return ids
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let i = 0; i < length; i++) {
    const id = readId(view, i, dtype)
    if (id < 0 || id > 2 ** 31 - 1)
      throw new RangeError(
        `.bin file: token ${offset + i} of sequence ${sequence} must be from 0 to 2^31 - 1, got ${id}`,
      )
    ids[i] = id
  }
  return ids
}

export const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

/** Fills `into` with the ids at the beginning of `bytes`. @returns whether all are valid ids */
export function decodeInto(bytes: Uint8Array, dtype: TokenDtype, into: Int32Array): boolean {
  const { buffer, byteOffset } = bytes
  if (littleEndian && dtype === 'uint16' && byteOffset % 2 === 0) {
    into.set(new Uint16Array(buffer, byteOffset, into.length))
    return true
  }
  if (littleEndian && dtype === 'int32' && byteOffset % 4 === 0) {
    const ids = new Int32Array(buffer, byteOffset, into.length)
    into.set(ids)
    let signs = 0
    for (let i = 0; i < ids.length; i++) signs |= ids[i]
    return signs >= 0
  }
  const view = new DataView(buffer, byteOffset, bytes.byteLength)
  for (let i = 0; i < into.length; i++) {
    const id = readId(view, i, dtype)
    if (id < 0 || id > 2 ** 31 - 1) return false
    into[i] = id
  }
  return true
}

/** A signed 64-bit integer, exact up to 2^53; callers reject larger and negative ones. */
function int64(view: DataView, at: number): number {
  return view.getInt32(at + 4, true) * 2 ** 32 + view.getUint32(at, true)
}

function readId(view: DataView, i: number, dtype: TokenDtype): number {
  switch (dtype) {
    case 'uint8':
      return view.getUint8(i)
    case 'int8':
      return view.getInt8(i)
    case 'int16':
      return view.getInt16(i * 2, true)
    case 'uint16':
      return view.getUint16(i * 2, true)
    case 'int32':
      return view.getInt32(i * 4, true)
    case 'int64':
      return int64(view, i * 8)
  }
}

/**
 * Decodes all documents of a dataset in memory.
 * @throws RangeError for files that are malformed or do not belong together
 * @example
 * const { bin, idx } = encodeIndexedDataset([[3, 4, 5]], { vocabSize: 100 })
 * decodeIndexedDataset(bin, idx) // [[3, 4, 5]]
 */
export function decodeIndexedDataset(bin: Uint8Array, idx: Uint8Array): Int32Array[] {
  const index = parseIndex(idx, bin.length)
  return Array.from({ length: index.documentCount }, (_, document) =>
    decodeDocument(index, document, (offset, length) => bin.subarray(offset, offset + length)),
  )
}
