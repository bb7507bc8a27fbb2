/** The document that charts are built in: the page's own. On Node `document-node.ts` stands in for this file. */

/**
 * @returns the page's document
 * @throws Error where there is none, as in a worker
 */
export function defaultDocument(): Document {
  const { document } = globalThis
  if (document === undefined)
    throw new Error('@kumiki/report: there is no document here (a worker?); give one as the option `document`')
  return document
}
