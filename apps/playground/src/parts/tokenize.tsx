// The pieces of a text with their ids and offsets, by the built-in tokenizer or by one from a local file.
import { type Encoding, loadTokenizer } from '@kumiki/tokenizer'
import { loadHuggingFaceTokenizer } from '@kumiki/tokenizer/huggingface'
import { useEffect, useState } from 'preact/hooks'
import { fetchBytes } from '../assets.ts'
import type { PartProps } from '../part.ts'

interface Encoder {
  encodeWithOffsets(text: string): Encoding
}

const shownAtMost = 400

export function Part({ say, values, change }: PartProps) {
  const [tokenizer, setTokenizer] = useState<Encoder>()
  const [problem, setProblem] = useState('')
  useEffect(() => {
    fetchBytes('tokenizer.model').then(
      (bytes) => setTokenizer(loadTokenizer(bytes)),
      (error) => setProblem(String(error.message)),
    )
  }, [])
  const own = async (file: File | undefined) => {
    if (!file) return
    try {
      const bytes = new Uint8Array(await file.arrayBuffer())
      setTokenizer(bytes[0] === 0x7b ? loadHuggingFaceTokenizer(new TextDecoder().decode(bytes)) : loadTokenizer(bytes))
      setProblem('')
    } catch (error) {
      setProblem((error as Error).message)
    }
  }
  const encoding = tokenizer?.encodeWithOffsets(values.text)
  const pieces = encoding ? encoding.pieces.slice(0, shownAtMost) : []
  return (
    <>
      <p>{say('tokenizeLead')}</p>
      <label class="wide">
        <span>{say('text')}</span>
        <textarea
          rows={4}
          maxLength={3000}
          value={values.text}
          onInput={(event) => change({ text: event.currentTarget.value })}
        />
      </label>
      <label class="wide">
        <span>{say('ownModel')}</span>
        <input type="file" onChange={(event) => own(event.currentTarget.files?.[0])} />
        <small>{say('ownModelNote')}</small>
      </label>
      {problem && <p role="alert">{problem}</p>}
      {encoding && (
        <>
          <p role="status">
            {encoding.ids.length} {say('tokens')}, {[...values.text].length} {say('characters')}
          </p>
          <ol class="pieces" aria-label={`${say('piece')}, ${say('id')}, ${say('offsets')}`}>
            {pieces.map((piece, i) => (
              <li key={i} class={`piece-${i % 5}`}>
                <span class="text">{piece}</span>
                <small>{encoding.ids[i]}</small>
                <small>{encoding.offsets[i].join('–')}</small>
              </li>
            ))}
          </ol>
        </>
      )}
    </>
  )
}
