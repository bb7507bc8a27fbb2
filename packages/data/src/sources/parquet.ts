/** Reads texts from Parquet files one row group at a time, by hyparquet with limits on decompression. Node only. */

/** Limit of a decompressed page in bytes; above 1 MiB the expansion ratio is limited to 1000 too. */
const mostPage = 256 * 2 ** 20
/** Limit of a decompressed row group in bytes, which must fit in memory; its size is chosen by the writer. */
const mostRowGroup = 2 ** 30

/**
 * The column `field` of every row, in order; null values are skipped.
 * @param maxDocument limit of a text in UTF-16 units
 * @throws Error that names file and position: not a Parquet file, no such column, not text, or invalid sizes
 */
export async function* parquetTexts(
  path: string,
  field: string,
  maxDocument: number,
  onBytes?: (bytes: number) => void,
): AsyncGenerator<string> {
  const { asyncBufferFromFile, parquetMetadataAsync, parquetRead, parquetSchema } = await import('hyparquet')
  const { compressors } = await import('hyparquet-compressors')
  const fail = (fault: string, cause?: unknown) => new Error(`${path}: ${fault}`, { cause })
  const bounded = Object.fromEntries(
    Object.entries(compressors).map(([name, unpack]) => [
      name,
      (input: Uint8Array, outputLength: number) => {
        if (outputLength > mostPage || (outputLength > 2 ** 20 && outputLength > 1000 * input.length))
          throw new Error(`a page of ${input.length} bytes claims to decompress to ${outputLength}`)
        return unpack(input, outputLength)
      },
    ]),
  ) as typeof compressors
  const file = await asyncBufferFromFile(path)
  let metadata: Awaited<ReturnType<typeof parquetMetadataAsync>>
  try {
    metadata = await parquetMetadataAsync(file)
  } catch (error) {
    throw fail(`it is not a Parquet file, or a corrupt one (${(error as Error).message})`, error)
  }
  const names = parquetSchema(metadata).children.map(({ element }) => element.name)
  if (!names.includes(field))
    throw fail(`it has no column ${JSON.stringify(field)}; it has ${names.slice(0, 12).join(', ')} (--field names it)`)
  let begin = 0
  for (const [number, group] of metadata.row_groups.entries()) {
    const rows = Number(group.num_rows)
    const chunk = group.columns.find(({ meta_data }) => meta_data?.path_in_schema[0] === field)?.meta_data
    const size = Number(chunk?.total_compressed_size ?? 0)
    const unpacked = Number(chunk?.total_uncompressed_size ?? 0)
    if (!(Number.isSafeInteger(rows) && rows >= 0) || size > file.byteLength)
      throw fail(`row group ${number} claims ${rows} rows in ${size} bytes, but the file has ${file.byteLength}`)
    if (unpacked > mostRowGroup)
      throw fail(
        `row group ${number} decompresses to ${unpacked} bytes; at most ${mostRowGroup} are supported, so write smaller groups`,
      )
    const found: unknown[] = []
    try {
      await parquetRead({
        file,
        metadata,
        columns: [field],
        rowStart: begin,
        rowEnd: begin + rows,
        compressors: bounded,
        onComplete: (read) => {
          for (const values of read) found.push(values[0])
        },
      })
    } catch (error) {
      throw fail(`row group ${number} cannot be read (${(error as Error).message})`, error)
    }
    for (const [i, value] of found.entries()) {
      if (value === null || value === undefined) continue
      if (typeof value !== 'string') throw fail(`row ${begin + i}: column ${JSON.stringify(field)} is not text`)
      if (value.length > maxDocument) throw fail(`row ${begin + i} is longer than ${maxDocument} characters`)
      yield value
    }
    begin += rows
    onBytes?.(size)
  }
}
