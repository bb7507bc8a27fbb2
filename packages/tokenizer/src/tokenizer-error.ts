/** An invalid model file, option, text or id. The message names it, the value given, and what is accepted. */
export class TokenizerError extends Error {
  override readonly name = 'TokenizerError'
  /** The option of training that is wrong, such as `vocabSize`; undefined where a text or a file is. */
  readonly option?: string

  constructor(message: string, { option, ...options }: ErrorOptions & { readonly option?: string | undefined } = {}) {
    super(message, options)
    if (option !== undefined) this.option = option
  }
}
