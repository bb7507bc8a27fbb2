/** Export of texts as JSON lines, for a use that their release levels allow. Node only. */

import { renameSync } from 'node:fs'
import { dirname } from 'node:path'
import { checkOptions } from '../check-argument.ts'
import { makeFolder } from '../make-folder.ts'
import { documentStream, findTextFiles } from '../sources/document-stream.ts'
import { FileWriter } from '../tokens/file-writer.ts'
import { assertUse, type ReleaseLevel } from './release-level.ts'

export interface ExportedSource {
  readonly name: string
  /** File or folder of texts. */
  readonly path: string
  /** Default L3: training only, no distribution. */
  readonly releaseLevel?: ReleaseLevel
}

export interface ExportOptions {
  /** `distribute`: publication, allowed for L1; `search`: a search index, allowed for L1 and L2. */
  readonly use: 'distribute' | 'search'
  /** Omits sources whose level does not allow the use, instead of throwing. */
  readonly leaveOut?: boolean
}

/** The sources written and omitted. */
export interface TextExport {
  readonly written: readonly {
    readonly name: string
    readonly releaseLevel: ReleaseLevel
    readonly documents: number
  }[]
  readonly leftOut: readonly { readonly name: string; readonly releaseLevel: ReleaseLevel }[]
}

/**
 * Writes `{"text", "source", "releaseLevel"}` lines, in memory for one document. The output appears only when complete.
 * @throws RangeError that names a source whose level does not allow the use, before anything is read; Error that names
 *   the file and position of a fault
 * @example
 * const own = { name: 'own', path: 'texts', releaseLevel: 'L1' }
 * const { written } = await exportTexts([own], 'out.jsonl', { use: 'distribute' })
 * written[0].documents // 2
 */
export async function exportTexts(
  sources: readonly ExportedSource[],
  out: string,
  options: ExportOptions,
): Promise<TextExport> {
  checkOptions('exportTexts', options, 'use')
  const { use, leaveOut = false } = options
  const leftOut: { name: string; releaseLevel: ReleaseLevel }[] = []
  const open = sources.filter(({ name, releaseLevel = 'L3' }) => {
    try {
      assertUse(name, releaseLevel, use)
      return true
    } catch (error) {
      if (!leaveOut) throw error
      leftOut.push({ name, releaseLevel })
      return false
    }
  })
  if (open.length === 0)
    throw new RangeError(
      `no source may be used to ${use}: ${leftOut.map(({ name, releaseLevel }) => `${name} (${releaseLevel})`).join(', ')}`,
    )
  await makeFolder(dirname(out))
  const temporary = `${out}.${process.pid}.tmp`
  const file = new FileWriter(temporary)
  const encoder = new TextEncoder()
  const written: { name: string; releaseLevel: ReleaseLevel; documents: number }[] = []
  try {
    for (const { name, path, releaseLevel = 'L3' } of open) {
      let documents = 0
      for (const one of await findTextFiles([path]))
        for await (const text of documentStream(one)) {
          file.write(encoder.encode(`${JSON.stringify({ text, source: name, releaseLevel })}\n`))
          documents++
        }
      written.push({ name, releaseLevel, documents })
    }
    file.close()
    renameSync(temporary, out)
  } catch (error) {
    file.abandon()
    throw error
  }
  return { written, leftOut }
}
