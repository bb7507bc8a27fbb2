/** The document that charts are built in on Node, which has none of its own. */
import { parseHTML } from 'linkedom'

let made: Document | undefined

/** @returns one empty document for all charts; nothing is ever put into it */
export function defaultDocument(): Document {
  made ??= parseHTML('<!doctype html><html><body></body></html>').document as unknown as Document
  return made
}
