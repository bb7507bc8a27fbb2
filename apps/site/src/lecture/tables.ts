// The tables of the lecture pages, computed with the packages.
import { aliasTable, design, designTable, power } from '@kumiki/ablation'
import { releaseLevels } from '@kumiki/data'
import {
  corpusShares,
  countCorpusTokens,
  countParameters,
  findModel,
  flopsPerToken,
  languageShares,
  listModels,
} from '@kumiki/models/configs'
import { compareFormats, encode, finfo, round } from '@kumiki/numerics'
import { assessBudget, estimate, findGpu, simulate } from '@kumiki/planner'
import { markdownTable, percent, plannerModel, type Say, trillions, whole } from './numbers.ts'

const dense = ['150m', '440m', '980m', '1.8b', '3.7b', '7.2b', '13b', '172b'].map((size) => `llm-jp-3-${size}`)
const factors = ['StackV2', 'LessFineWeb', 'MegaMath', 'Laboro', 'FinePDFs']
const fenced = (text: string) => `\`\`\`text\n${text}\n\`\`\``

/** Values distributed like activations: normal with a few outliers, from a fixed seed. */
export function exampleValues(count = 4096): Float32Array {
  let state = 1
  const uniform = () => (state = (state * 48271) % 2147483647) / 2147483647
  const normal = () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform())
  return Float32Array.from({ length: count }, (_, i) => normal() * (i % 512 === 0 ? 60 : 1))
}

const languageNames: Record<string, string> = {
  ja: '日本語',
  en: '英語',
  code: 'コード',
  zh: '中国語',
  ko: '韓国語',
  other: 'その他',
}
/** Name of a corpus language in the language of the page. */
export const languageName = (key: string, say: Say) => say(key, languageNames[key] ?? key)

export const tables = {
  sizes: (say: Say) =>
    markdownTable(
      [
        say('model', 'モデル'),
        say('layers', '層数'),
        say('hidden', '隠れ次元'),
        say('feed-forward', 'FFN 次元'),
        say('heads', 'ヘッド数'),
        say('query groups', 'クエリグループ数'),
        say('vocabulary rows', '語彙の行数'),
        say('parameters', 'パラメーター数'),
      ],
      dense.map((name) => {
        const { architecture: a } = findModel(name)
        const { numHiddenLayers, hiddenSize, intermediateSize, numAttentionHeads, numKeyValueHeads, paddedVocabSize } =
          a
        return [
          name,
          numHiddenLayers,
          whole(hiddenSize),
          whole(intermediateSize),
          numAttentionHeads,
          numKeyValueHeads,
          whole(paddedVocabSize),
          whole(countParameters(a).total),
        ]
      }),
    ),
  compute: (say: Say) =>
    markdownTable(
      [
        say('model', 'モデル'),
        say('FLOP per token', '1 トークンあたりの FLOP'),
        say('tokens', 'トークン数'),
        say('total FLOP', '総 FLOP'),
        say('H100-days at 40 %', 'H100 日 (40 %)'),
      ],
      [...dense, 'llm-jp-4-8b', 'llm-jp-4-32b'].map((name) => {
        const { architecture, recipe } = findModel(name)
        const length = recipe?.sequenceLength ?? 4096
        const tokens =
          name.startsWith('llm-jp-3') && recipe ? recipe.trainSteps * recipe.globalBatchSize * length : 10e12
        const each = flopsPerToken(architecture, { sequenceLength: length })
        return [
          name,
          `${(each / 1e9).toFixed(1)}e9`,
          trillions(tokens),
          (each * tokens).toExponential(2),
          whole((each * tokens) / (0.4 * 989.4e12 * 86_400)),
        ]
      }),
    ),
  budget: (say: Say) => {
    const model = plannerModel('llm-jp-4-32b')
    const budget = assessBudget({ model, tokens: 10e12, gpu: 'H200', gpuDays: 12_000 })
    return markdownTable(
      [say('what', '項目'), say('figure', '値')],
      [
        [say('FLOP for 10T tokens', '10T トークンの FLOP'), `${budget.totalFlops.toExponential(2)} FLOP`],
        [
          say(
            'GPU-days at the peak of an H200, which no run reaches',
            'H200 のピーク性能 (実際には届かない) での GPU 日',
          ),
          whole(budget.gpuDaysAtPeak),
        ],
        [say('GPU-days at 40 % MFU', 'MFU 40 % での GPU 日'), whole(budget.gpuDaysAt['0.40'])],
        [
          say('fraction of the peak needed for 12,000 GPU-days', '12,000 GPU 日に必要な、ピーク性能に対する割合'),
          percent(budget.requiredMfu, 0),
        ],
        [
          say('the same for 12,000 node-days of 8 GPUs', '同じく 8 GPU の 12,000 ノード日'),
          percent(budget.requiredMfu / 8),
        ],
      ],
    )
  },
  languages: (say: Say) => {
    const models = ['llm-jp-3-13b', 'llm-jp-4-8b']
    const shares = models.map((name) => languageShares(findModel(name).corpus!))
    const keys = [...new Set(shares.flatMap((s) => Object.keys(s)))]
    return markdownTable(
      [say('language', '言語'), ...models.map((m) => m.replace(/-(13b|8b)$/, ''))],
      [
        ...keys.map((key) => [languageName(key, say), ...shares.map((s) => percent(s[key] ?? 0, 2))]),
        [
          say('tokens read', '学習トークン数'),
          ...models.map((m) => trillions(countCorpusTokens(findModel(m).corpus!).weighted)),
        ],
      ],
    )
  },
  repeats: (say: Say) => {
    const corpus = findModel('llm-jp-4-8b').corpus!
    const shares = corpusShares(corpus)
    const rows = corpus.subsets
      .flatMap((s) => ('weight' in s ? [] : [s]))
      .sort((a, b) => shares.get(b.subset)! - shares.get(a.subset)!)
      .slice(0, 12)
    return markdownTable(
      [
        say('subset', 'サブセット'),
        say('tokens per epoch', '1 エポックのトークン数'),
        say('repeats', '反復回数'),
        say('share of tokens read', '学習トークンに占める割合'),
      ],
      rows.map((r) => [
        `\`${r.subset}\``,
        `${(r.tokens / 1e9).toFixed(1)}B`,
        r.repeats,
        percent(shares.get(r.subset)!, 2),
      ]),
    )
  },
  design: (_: Say) => fenced(designTable(design({ factors, runs: 8 }))),
  aliases: (_: Say) => fenced(aliasTable(design({ factors, runs: 8 }))),
  power: (say: Say) =>
    markdownTable(
      [
        say('replicates', '反復'),
        say('runs', '実行の回数'),
        say('power for an effect of 0.5 with standard deviation 0.3', '標準偏差 0.3 のとき効果 0.5 の検出力'),
      ],
      [1, 2, 3].map((times) => [
        say(`${times} x`, `${times} 回`),
        8 * times,
        percent(power({ runs: 8, terms: 5, effect: 0.5, standardDeviation: 0.3, replicates: times }), 0),
      ]),
    ),
  layouts: (say: Say) => {
    const cluster = { gpu: 'H200', nodes: 8, gpusPerNode: 8 }
    const common = { globalBatchSize: 512, sequenceLength: 4096 }
    const plans = [
      { tensorParallel: 4, pipelineParallel: 1, microBatchSize: 2 },
      { tensorParallel: 2, pipelineParallel: 1, microBatchSize: 1 },
      { tensorParallel: 2, pipelineParallel: 1, microBatchSize: 2 },
      { tensorParallel: 8, pipelineParallel: 1, microBatchSize: 2 },
      { tensorParallel: 2, pipelineParallel: 2, microBatchSize: 1 },
    ]
    return markdownTable(
      [
        say('plan', '計画'),
        say('seconds per step', '秒/ステップ'),
        say('memory per GPU', 'GPU あたりのメモリー'),
        say('share of the peak', 'ピーク性能に対する割合'),
      ],
      plans.map((own) => {
        const e = estimate({ model: plannerModel('llm-jp-4-32b'), cluster, plan: { ...own, ...common } })
        return [
          `TP ${own.tensorParallel}, PP ${own.pipelineParallel}, ${say('micro-batch', 'マイクロバッチ')} ${own.microBatchSize}`,
          e.stepSeconds.toFixed(2),
          percent(e.memoryBytes / findGpu('H200').memoryBytes, 0),
          percent(e.mfu),
        ]
      }),
    )
  },
  pipelines: (say: Say) => {
    const plan = {
      tensorParallel: 2,
      pipelineParallel: 4,
      microBatchSize: 2,
      globalBatchSize: 512,
      sequenceLength: 4096,
    }
    return markdownTable(
      [
        say('schedule', 'スケジュール'),
        say('seconds per step', '秒/ステップ'),
        say('bubble / work', 'バブル / 計算時間'),
      ],
      (['gpipe', '1f1b', 'interleaved', 'zero-bubble'] as const).map((schedule) => {
        const s = simulate({
          model: plannerModel('llm-jp-3-13b'),
          cluster: { gpu: 'H100', nodes: 16, gpusPerNode: 8 },
          plan,
          schedule,
        })
        return [schedule, s.stepSeconds.toFixed(3), percent(s.bubbleOverWork)]
      }),
    )
  },
  formats: (say: Say) =>
    markdownTable(
      [
        say('format', '形式'),
        say('largest', '最大値'),
        say('smallest normal', '最小の正規数'),
        say('spacing above 1', '1 の次の数との差'),
        say('0.1 becomes', '0.1 を丸めた値'),
        say('as bits', 'そのビット'),
      ],
      (['bfloat16', 'float16', 'float8_e4m3fn', 'float8_e5m2'] as const).map((name) => {
        const info = finfo(name)
        const width = name.startsWith('float8') ? 8 : 16
        return [
          name,
          info.max.toPrecision(4),
          info.smallestNormal.toExponential(2),
          info.eps,
          round(name, 0.1),
          `\`${encode(name, 0.1).toString(2).padStart(width, '0')}\``,
        ]
      }),
    ),
  errors: (say: Say) =>
    markdownTable(
      [say('format', '形式'), 'SQNR, dB', say('underflow to zero', '0 になる割合'), say('clipped', '飽和する割合')],
      compareFormats(exampleValues(), { formats: ['bfloat16', 'float8_e4m3fn', 'float8_e5m2'], scaling: 'amax' }).map(
        (r) => [r.format, r.sqnrDb.toFixed(1), percent(r.underflowFraction, 2), percent(r.saturationFraction, 2)],
      ),
    ),
  recipes: (say: Say) =>
    markdownTable(
      [
        say('model', 'モデル'),
        say('peak learning rate', '最大学習率'),
        say('schedule', 'スケジュール'),
        'beta2',
        'epsilon',
        say('decay', '重み減衰'),
        say('tokens per step', '1 ステップのトークン数'),
      ],
      listModels()
        .filter((m) => m.recipe)
        .map(({ name, recipe }) => {
          const { schedule, optimizer, globalBatchSize, sequenceLength } = recipe!
          const peak = schedule.kind === 'wsd' ? schedule.peak : schedule.schedule.from
          return [
            name,
            peak.toExponential(),
            schedule.kind === 'wsd' ? 'WSD' : say('cosine', 'コサイン'),
            optimizer.beta2,
            optimizer.epsilon.toExponential(),
            optimizer.weightDecay,
            whole(globalBatchSize * sequenceLength),
          ]
        }),
    ),
  levels: (say: Say) =>
    markdownTable(
      [say('level', 'レベル'), say('train', '学習'), say('search', '検索'), say('distribute', '配布')],
      Object.entries(releaseLevels).map(([level, uses]) => [
        level,
        ...[uses.train, uses.search, uses.distribute].map((may) => (may ? say('yes', '可') : say('no', '不可'))),
      ]),
    ),
}
