/** Steps of normalisation. */
import { AlignedBuilder, type AlignedText } from './aligned-text.ts'

/** A step of normalisation. */
export type Rewrite = (text: AlignedText) => AlignedText

/** Rewrites each character; the result is aligned with it. */
export function perCharacter(rewrite: (character: string) => string): Rewrite {
  return (text) => {
    const builder = new AlignedBuilder(text)
    let kept = 0
    let changed = false
    for (let i = 0; i < text.text.length; ) {
      const character = String.fromCodePoint(text.text.codePointAt(i)!)
      const written = rewrite(character)
      if (written !== character) {
        changed = true
        builder.keep(kept, i)
        if (written !== '') builder.write(written, i)
        kept = i + character.length
      }
      i += character.length
    }
    if (!changed) return text
    builder.keep(kept, text.text.length)
    return builder.build()
  }
}
