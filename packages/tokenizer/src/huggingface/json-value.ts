/** Parsing of untrusted JSON: checks of depth, types and bounds, with errors that name the path. */
import { TokenizerError } from '../tokenizer-error.ts'

/** A JSON object whose fields are not yet checked. */
export type JsonRecord = { readonly [key: string]: unknown }

/** Limit of the nesting depth; the files of known models need 8. */
const DEEPEST = 64

/**
 * Parses JSON after checking its nesting depth.
 * @param source UTF-8 bytes or text
 * @throws TokenizerError where it is not UTF-8, not JSON, or nested deeper than 64
 */
export function parseJson(source: Uint8Array | string): unknown {
  let text: string
  if (typeof source === 'string') text = source
  else if (source instanceof Uint8Array) {
    try {
      text = new TextDecoder('utf-8', { fatal: true }).decode(source)
    } catch {
      throw new TokenizerError('tokenizer.json: the bytes are not UTF-8')
    }
  } else throw new TokenizerError(`tokenizer.json: bytes or text are needed, got ${typeof source}`)
  requireShallow(text)
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new TokenizerError(`tokenizer.json: not JSON: ${String((error as Error).message).slice(0, 200)}`)
  }
}

function requireShallow(text: string): void {
  let depth = 0
  let quoted = false
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (quoted) {
      if (unit === 0x5c) i++
      else if (unit === 0x22) quoted = false
    } else if (unit === 0x22) quoted = true
    else if (unit === 0x7b || unit === 0x5b) {
      if (++depth > DEEPEST) {
        throw new TokenizerError(`tokenizer.json: nested deeper than ${DEEPEST} at character ${i}`)
      }
    } else if (unit === 0x7d || unit === 0x5d) depth--
  }
}

/** @returns the error for a value of the wrong type at the path `where` */
function wrong(where: string, value: unknown, wanted: string): TokenizerError {
  const kind = value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value
  return new TokenizerError(`tokenizer.json: ${where} is ${kind}; ${wanted} is needed`)
}

export function asRecord(value: unknown, where: string): JsonRecord {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(where, value, 'an object')
  return value as JsonRecord
}

export function asList(value: unknown, where: string): readonly unknown[] {
  if (!Array.isArray(value)) throw wrong(where, value, 'a list')
  return value
}

export function asText(value: unknown, where: string): string {
  if (typeof value !== 'string') throw wrong(where, value, 'text')
  return value
}

/** @param fallback value of an absent or null flag */
export function asFlag(value: unknown, where: string, fallback: boolean): boolean {
  if (value === undefined || value === null) return fallback
  if (typeof value !== 'boolean') throw wrong(where, value, 'true or false')
  return value
}

/** An integer from 0 to `most`. */
export function asIndex(value: unknown, where: string, most: number): number {
  if (typeof value !== 'number') throw wrong(where, value, 'a number')
  if (!Number.isInteger(value) || value < 0 || value > most) {
    throw new TokenizerError(`tokenizer.json: ${where} is ${value}; an integer from 0 to ${most} is needed`)
  }
  return value
}

/** The `type` of a pipeline component. */
export function typeOf(part: JsonRecord, where: string): string {
  return asText(part.type, `${where}.type`)
}

/** @returns the error for a component of an unsupported type, which lists the supported ones */
export function unsupported(where: string, type: string, known: readonly string[]): TokenizerError {
  return new TokenizerError(
    `tokenizer.json: ${where} ${JSON.stringify(type)} is not supported; known are ${known.join(', ')}`,
  )
}
