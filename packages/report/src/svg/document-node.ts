/** The default DOM document on Node: one of linkedom. */
import { parseHTML } from 'linkedom'

let made: Document | undefined

/** @returns one empty document for all charts, which creates elements but never holds any */
export function defaultDocument(): Document {
  made ??= parseHTML('<!doctype html><html><body></body></html>').document as unknown as Document
  return made
}
