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
}

/** A tensor used after `dispose()` or after it was donated to a compiled function. */
export class DisposedError extends Error {
  override name = 'DisposedError'
}
