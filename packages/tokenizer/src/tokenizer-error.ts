/** What is wrong with a model file, a training option or an id: the thing, what was given, what would do. */
export class TokenizerError extends Error {
  override readonly name = 'TokenizerError'
}
