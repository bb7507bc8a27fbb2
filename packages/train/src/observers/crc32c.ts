/** CRC-32C (Castagnoli), reflected, and its masked form in TensorFlow's record files. @see RFC 3720, appendix B.4 */

/** x^32 + x^28 + x^27 + ... + 1, bits reversed. */
const polynomial = 0x82f63b78

let table: Uint32Array | undefined

function makeTable(): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1
    return value
  })
}

/** The checksum of `bytes`; for the ASCII text 123456789 it is 0xe3069283. */
export function crc32c(bytes: Uint8Array): number {
  table ??= makeTable()
  let crc = 0xffffffff
  for (const byte of bytes) crc = table[(crc ^ byte) & 255] ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}

/** Rotated and offset, so that data that contains checksums can be checksummed safely. */
export function maskedCrc32c(bytes: Uint8Array): number {
  const crc = crc32c(bytes)
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}
