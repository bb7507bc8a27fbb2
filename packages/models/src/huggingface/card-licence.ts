/** The licence that a model's own card (README.md) states. Node only. */
import { join } from 'node:path'
import { parse } from 'yaml'
import { readText } from '../files/read-text.ts'
import { isObject, show } from './fields.ts'

/** A licence as the front of a card states it. */
export interface CardLicence {
  /** The Hub's identifier, such as `apache-2.0`, or `other`; a list if the card has several. */
  readonly licence: string | readonly string[]
  /** `license_name` of a licence `other`. */
  readonly licenceName?: string
  /** `license_link`: an address, or a file of the model's folder. */
  readonly licenceLink?: string
}

const maxCardBytes = 4_000_000

const isLine = (value: unknown): value is string =>
  typeof value === 'string' && value.trim() !== '' && !/[\r\n]/.test(value)

/**
 * Reads `license`, `license_name` and `license_link` of the YAML front matter of README.md.
 * @param folder of a model, as the Hub has it
 * @returns undefined if there is no card, or it states no licence
 * @throws Error naming the file, for front matter that is not YAML or a licence that is not text
 * @see https://huggingface.co/docs/hub/model-cards#model-card-metadata
 * @example (await readCardLicence(await fetchFromHub('llm-jp/llm-jp-3-150m')))?.licence // 'apache-2.0'
 */
export async function readCardLicence(folder: string): Promise<CardLicence | undefined> {
  const file = join(folder, 'README.md')
  const text = await readText(file, maxCardBytes).catch((error) => {
    if (error.code === 'ENOENT') return undefined
    throw new Error(`${file}: cannot be read (${error.code ?? error.message})`)
  })
  const front = text && /^\uFEFF?\s*---[ \t]*\r?\n([\s\S]*?)\r?\n---[ \t]*(?:\r?\n|$)/.exec(text)?.[1]
  if (!front) return undefined
  let fields: unknown
  try {
    fields = parse(front, { schema: 'core', version: '1.2', maxAliasCount: 100 })
  } catch (error) {
    throw new Error(`${file}: its front matter is not valid YAML: ${(error as Error).message.split('\n')[0]}`)
  }
  if (!isObject(fields)) return undefined
  const { license: licence, license_name: name, license_link: link } = fields
  if (licence === undefined || licence === null) return undefined
  const list: readonly unknown[] = Array.isArray(licence) ? licence : [licence]
  if (list.length === 0 || !list.every(isLine))
    throw new Error(
      `${file}: license must be an identifier such as apache-2.0, or a list of them, got ${show(licence)}`,
    )
  return {
    licence: Array.isArray(licence) ? (list as readonly string[]) : (licence as string),
    ...(isLine(name) && { licenceName: name }),
    ...(isLine(link) && { licenceLink: link }),
  }
}
