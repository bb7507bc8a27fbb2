/** An invalid model file, option, text or id. The message names it, the value given, and what is accepted. */
export class TokenizerError extends Error {
  override readonly name = 'TokenizerError'
}
