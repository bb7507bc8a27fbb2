/** Reader of JSON files that are one array of texts, which `datasets` supports besides JSON Lines. */

/** Whether the first non-space character begins an array. */
export const beginsArray = (text: string): boolean => /^\s*\[/.test(text)

/**
 * The texts of an array of strings, or of objects with a field.
 * @throws Error that names file and entry
 */
export function jsonArrayTexts(path: string, json: string, field: string): string[] {
  let entries: unknown
  try {
    entries = JSON.parse(json)
  } catch (error) {
    throw new Error(`${path}: it begins as an array but is not JSON (${(error as Error).message.slice(0, 120)})`)
  }
  return (entries as unknown[]).map((entry, i) => {
    const text =
      typeof entry === 'object' && entry !== null && Object.hasOwn(entry, field)
        ? (entry as Record<string, unknown>)[field]
        : entry
    if (typeof text !== 'string')
      throw new Error(
        `${path}: entry ${i} must be a text or an object with a text in the field ${JSON.stringify(field)}, got ${JSON.stringify(entry).slice(0, 80)}`,
      )
    return text
  })
}
