/**
 * The corpora of LLM-jp-4, from its training scripts at commit 0a703870 of llm-jp/scripts. Tokens are those of one
 * pass.
 */
import type { CorpusBlend, CorpusSubset } from './corpus-blend.ts'

type Row = readonly [subset: string, repeats: number, tokens: number]
const subsets = (rows: readonly Row[]): CorpusSubset[] =>
  rows.map(([subset, repeats, tokens]) => ({ subset, repeats, tokens }))

// Curated text and code 8 times, FineWeb of high score and Japanese web text 4 times, FineWeb of low score once.
const firstPhase: readonly Row[] = [
  ['code_olmo-starcoder', 8, 106_882_005_818],
  ['code_stack', 8, 117_852_374_347],
  ['en_dolma-books', 8, 5_139_896_520],
  ['en_dolma-pes2o', 8, 60_036_516_798],
  ['en_dolma-reddit', 8, 82_254_295_911],
  ['en_dolma-wiki', 8, 3_857_521_208],
  ['en_dolmino-stackexchange', 8, 1_483_419_806],
  ['en_gsm8k', 8, 3_141_777],
  ['en_mathpile', 8, 8_750_035_604],
  ['en_olmo-algebraicstack', 8, 12_977_175_126],
  ['en_olmo-arxiv', 8, 21_716_303_067],
  ['en_olmo-openwebmath', 8, 13_171_054_142],
  ['en_wiki', 8, 4_746_637_139],
  ['en_fineweb-rescored_score_10', 1, 894_415_359_832],
  ['en_fineweb-rescored_score_11', 1, 857_413_772_728],
  ['en_fineweb-rescored_score_12', 1, 796_094_477_022],
  ['en_fineweb-rescored_score_13', 1, 731_654_356_094],
  ['en_fineweb-rescored_score_14', 1, 618_058_189_835],
  ['en_fineweb-rescored_score_15', 1, 608_867_074_950],
  ['en_fineweb-rescored_score_16', 1, 548_052_595_378],
  ['en_fineweb-rescored_score_17', 1, 490_788_405_666],
  ['en_fineweb-rescored_score_18', 1, 436_717_385_182],
  ['en_fineweb-rescored_score_19', 1, 358_252_220_838],
  ['en_fineweb-rescored_score_20', 4, 379_804_084_182],
  ['en_fineweb-rescored_score_21', 4, 274_094_481_547],
  ['en_fineweb-rescored_score_22', 4, 277_468_834_676],
  ['en_fineweb-rescored_score_23', 4, 204_668_083_851],
  ['en_fineweb-rescored_score_24', 4, 176_612_962_572],
  ['en_fineweb-rescored_score_25', 4, 174_124_405_060],
  ['en_fineweb-rescored_score_26', 4, 124_247_770_003],
  ['en_fineweb-rescored_score_27', 4, 118_691_387_145],
  ['en_fineweb-rescored_score_28', 4, 81_686_513_887],
  ['en_fineweb-rescored_score_29', 4, 65_145_918_651],
  ['en_fineweb-rescored_score_30', 4, 167_933_342_206],
  ['ja_aozorabunko', 8, 124_537_838],
  ['ja_ceek-news', 8, 12_476_129_929],
  ['ja_e-gov', 8, 67_690_089],
  ['ja_kaken', 8, 772_429_478],
  ['ja_kokkai-giji', 8, 673_493_046],
  ['ja_nwc2010', 8, 16_255_530_591],
  ['ja_nwjc', 8, 25_862_823_840],
  ['ja_patent', 8, 60_813_844_215],
  ['ja_sip-comprehensive-html', 8, 11_370_270_531],
  ['ja_sip-comprehensive-pdf-pdf2text', 8, 28_352_330_642],
  ['ja_warp-html', 8, 741_256_291],
  ['ja_warp-pdf-e0', 8, 9_563_719_005],
  ['ja_warp-pdf-e0.2', 8, 42_891_810_821],
  ['ja_wiki', 8, 1_085_125_338],
  ['ja_cc', 4, 217_414_351_788],
  ['ja_fineweb-2', 4, 216_094_576_807],
  ['ko_wiki', 8, 352_074_304],
  ['ko_fineweb2', 1, 48_038_910_925],
  ['zh_wiki', 8, 740_754_914],
  ['zh_fineweb2', 1, 566_458_464_629],
]

/** Phase 1 of the 8B, and of all other sizes. */
export const llmJp4Corpus: CorpusBlend = {
  name: 'llm-jp-4 phase 1',
  subsets: subsets(firstPhase),
  source: 'https://github.com/llm-jp/scripts/blob/0a703870/pretrain/scripts/v4-8b-phase1/base/train_data.sh',
}

/** Phase 2 of the 8B: The Stack v2 (`train_0` to `train_6`) in place of The Stack v1, and MegaMath. */
export const llmJp4Phase2Corpus: CorpusBlend = {
  name: 'llm-jp-4 phase 2',
  subsets: subsets([
    ...firstPhase.filter(([subset]) => subset !== 'code_stack'),
    ['train_0', 4, 111_736_807_942],
    ['train_1', 4, 113_102_982_494],
    ['train_2', 4, 112_517_889_644],
    ['train_3', 4, 110_957_273_163],
    ['train_4', 4, 114_393_462_648],
    ['train_5', 4, 113_271_109_799],
    ['train_6', 4, 44_393_545_648],
    ['en_megamath-web-pro-max-oss2', 8, 67_421_295_784],
  ]),
  source: 'https://github.com/llm-jp/scripts/blob/0a703870/pretrain/scripts/v4-8b-phase2/base/train_data.sh',
}

/** The decay at 3 million steps with instruction pre-training: 0.4 of phase 1, 0.6 of instructions. */
export const llmJp4InstructionCorpus: CorpusBlend = {
  name: 'llm-jp-4 decay3m-ipt3.1',
  subsets: subsets([
    ['dolmino_math_synth-all', 1, 35_111_947],
    ['flan-all', 1, 18_670_986_447],
    ['llm-jp-IPT_v0.2_all', 1, 69_773_566_226],
    ['en_dolmino-stackexchange', 1, 1_483_419_806],
    ['en_gsm8k', 1, 3_141_777],
  ]),
  beside: { share: 0.4, blend: llmJp4Corpus },
  source: 'https://github.com/llm-jp/scripts/blob/0a703870/pretrain/scripts/v4-8b-phase1/decay3m-ipt3.1/train_data.sh',
}

/** What LLM-jp-4 was planned on at first: 15.6 trillion tokens, mostly English. Weights alone are stated. */
export const llmJp4PlannedCorpus: CorpusBlend = {
  name: 'llm-jp-4 planned 15.6T',
  subsets: [
    { subset: 'code_olmo-starcoder', weight: 104_427_769_064 },
    { subset: 'code_stack', weight: 114_051_163_723 },
    { subset: 'en_dolma-books', weight: 5_494_262_694 },
    { subset: 'en_dolma-pes2o', weight: 62_853_772_802 },
    { subset: 'en_dolma-reddit', weight: 83_015_186_637 },
    { subset: 'en_dolma-wiki', weight: 3_896_965_449 },
    { subset: 'en_dolmino-stackexchange', weight: 1_464_772_187 },
    { subset: 'en_finemath-4plus', weight: 10_335_599_308 },
    { subset: 'en_fineweb-eduscore2', weight: 6_187_818_835_090 },
    { subset: 'en_fineweb-rest', weight: 7_840_710_113_501 },
    { subset: 'en_gsm8k', weight: 2_781_710 },
    { subset: 'en_mathpile', weight: 9_176_535_715 },
    { subset: 'en_olmo-algebraicstack', weight: 13_280_211_413 },
    { subset: 'en_olmo-arxiv', weight: 22_219_529_548 },
    { subset: 'en_olmo-openwebmath', weight: 13_395_295_861 },
    { subset: 'en_wiki', weight: 4_744_259_830 },
    { subset: 'ja_fineweb2', weight: 280_894_286_561 },
    { subset: 'ja_wiki', weight: 1_281_902_154 },
    { subset: 'ko_fineweb2', weight: 51_780_848_623 },
    { subset: 'ko_wiki', weight: 316_296_219 },
    { subset: 'zh_fineweb2', weight: 787_999_334_628 },
    { subset: 'zh_wiki', weight: 840_277_331 },
  ],
  source: 'https://github.com/llm-jp/scripts/blob/0a703870/corpus/llm-jp-corpus-v4/stats/configs/llm-jp-4_en_15.6t.sh',
}
