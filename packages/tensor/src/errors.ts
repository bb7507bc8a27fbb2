// The errors that users see, by what went wrong.

/** Shapes that an operation cannot combine. The message names the operation, the shapes given and the rule. */
export class ShapeError extends RangeError {
  override name = 'ShapeError'
}

/** A dtype that an operation does not accept. */
export class DTypeError extends TypeError {
  override name = 'DTypeError'
}

/** A device that is missing, lost, out of memory, or lacks a feature or limit. */
export class DeviceError extends Error {
  override name = 'DeviceError'
  /** The device is of no use any more, and what was on it is gone: dispose it, and ask for another one with `init`. */
  readonly lost: boolean

  constructor(message: string, { lost = false, ...options }: ErrorOptions & { readonly lost?: boolean } = {}) {
    super(message, options)
    this.lost = lost
  }
}

/** A tensor used after `dispose()` or after it was donated to a compiled function. */
export class DisposedError extends Error {
  override name = 'DisposedError'
}
