/** The training data of a run, from texts or from token files. */
import { batches } from '@kumiki/data'
import { readCorpus } from '@kumiki/data/node'
import type { BatchSource, RunConfiguration } from '@kumiki/train'
import type { StopSignals } from '@kumiki/train/node'
import type { UsedSubset } from '@kumiki/train/records'
import type { TextTokenizer } from '../models/text-tokenizer.ts'
import { decodeOf } from '../verbs/tokenizer-files.ts'
import { type Corpus, samplePrompts } from './corpus.ts'
import { encodeTexts, total } from './encode-texts.ts'
import type { TokenFiles } from './token-files.ts'
import { usedSubsets } from './used-subsets.ts'

/** The data of a run before encoding. */
export interface RunText {
  readonly name: string
  /** Texts to train a tokenizer on; empty for token files. */
  readonly lines: readonly string[]
  encoded(tokenizer: TextTokenizer, configuration: RunConfiguration, stop: StopSignals): Promise<EncodedText>
}

/** The data of a run as token ids. */
export interface EncodedText {
  readonly corpus: Corpus
  /** Documents that the n-gram baselines are fitted to: all text, or the beginning of token files. */
  readonly train: readonly Int32Array[]
  readonly heldOut: readonly Int32Array[]
  /** Number of training tokens. */
  readonly tokens: number
  readonly used?: readonly UsedSubset[]
  /** The batches, from the first one. */
  source(): BatchSource
}

export function textsOfRun(corpus: Corpus): RunText {
  return {
    name: corpus.name,
    lines: corpus.train,
    async encoded(tokenizer, { batchSize, sequenceLength, seed }, stop) {
      const train = await encodeTexts(tokenizer, corpus.train, stop)
      const heldOut = await encodeTexts(tokenizer, corpus.heldOut, stop)
      const { eosId, vocabSize } = tokenizer
      return {
        ...{ corpus, train, heldOut },
        tokens: total(train),
        used: usedSubsets(corpus, train),
        source: () => batches({ documents: train, eosId, vocabSize, batchSize, sequenceLength, seed }),
      }
    },
  }
}

/** @param given held-out texts by name; default: the validation split of the token files */
export async function tokensOfRun(
  files: TokenFiles,
  given: Readonly<Record<string, string>> | undefined,
): Promise<RunText> {
  const parts: { name: string; documents: number }[] = []
  const texts: string[] = []
  for (const [name, path] of Object.entries(given ?? {})) {
    const documents = await readCorpus([path])
    texts.push(...documents)
    parts.push({ name, documents: documents.length })
  }
  return {
    name: files.name,
    lines: [],
    async encoded(tokenizer, configuration, stop) {
      // Throws for an impossible order before anything is written.
      const source = files.source(configuration)
      const ofFiles = given ? undefined : files.heldOut(tokenizer)
      const decode = decodeOf(tokenizer, 'the tokenizer', files.name)
      const heldOutTexts = ofFiles?.map((ids) => decode(ids.filter((id) => id !== tokenizer.eosId))) ?? texts
      const corpus: Corpus = {
        name: files.name,
        train: [],
        heldOut: heldOutTexts,
        ...(parts.length > 0 && { parts }),
        prompts: samplePrompts(heldOutTexts),
      }
      return {
        corpus,
        train: files.sample(tokenizer),
        heldOut: ofFiles ?? (await encodeTexts(tokenizer, texts, stop)),
        tokens: files.tokens,
        used: files.used(configuration),
        source: () => source,
      }
    },
  }
}
