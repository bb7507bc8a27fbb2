/** The default DOM document in browsers: the page's. On Node `document-node.ts` replaces this file. */

/**
 * @returns the page's document
 * @throws Error where there is none, as in a worker
 */
export function defaultDocument(): Document {
  const { document } = globalThis
  if (document === undefined)
    throw new Error(
      '@kumiki/report: there is no global `document`, as in a worker; pass one, such as that of linkedom, as the option `document`',
    )
  return document
}
