/** The corpus of LLM-jp-3, from its training script at commit 0a703870 of llm-jp/scripts. */
import type { CorpusBlend } from './corpus-blend.ts'

/** Weights as given to `--data-path`: tokens times repeats, which are not stated separately. */
export const llmJp3Corpus: CorpusBlend = {
  name: 'llm-jp-3',
  subsets: [
    { subset: 'code/stack', weight: 114_051_163_723 },
    { subset: 'ja/cc-1', weight: 461_191_389_358 },
    { subset: 'ja/cc-2', weight: 151_105_946_496 },
    { subset: 'ja/cc-3', weight: 150_463_854_452 },
    { subset: 'ja/kaken', weight: 1_826_105_478 },
    { subset: 'ja/warp-html-01-06', weight: 1_329_440_698 },
    { subset: 'ja/warp-html-07-12', weight: 1_397_268_214 },
    { subset: 'ja/warp-pdf-e00', weight: 60_172_944_314 },
    { subset: 'ja/warp-pdf-e02', weight: 177_161_775_259 },
    { subset: 'ja/wiki', weight: 2_563_804_308 },
    { subset: 'en/dolma-books', weight: 5_494_262_694 },
    { subset: 'en/dolma-c4', weight: 181_546_631_978 },
    { subset: 'en/dolma-cc-head', weight: 608_473_758_941 },
    { subset: 'en/dolma-pes2o', weight: 62_853_772_802 },
    { subset: 'en/dolma-reddit', weight: 83_058_140_751 },
    { subset: 'en/dolma-wiki', weight: 3_896_965_449 },
    { subset: 'en/wiki', weight: 4_744_259_830 },
    { subset: 'zh/wiki', weight: 840_277_331 },
    { subset: 'ko/wiki', weight: 316_296_219 },
  ],
  source: 'https://github.com/llm-jp/scripts/blob/0a703870/pretrain/scripts/v3-13b-exp4-sakura/train.sh',
}
