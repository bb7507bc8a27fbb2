// The error classes of the package.

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
  /** Whether the device is lost, with all its tensors: dispose it, and make another one with `init`. */
  readonly lost: boolean
  /** What is wrong, without what to do about it, where the message has both. */
  readonly problem: string

  constructor(
    message: string,
    {
      lost = false,
      problem = message,
      ...options
    }: ErrorOptions & { readonly lost?: boolean; readonly problem?: string } = {},
  ) {
    super(message, options)
    this.lost = lost
    this.problem = problem
  }
}

/** A tensor used after `dispose()` or after it was donated to a compiled function. */
export class DisposedError extends Error {
  override name = 'DisposedError'
}
