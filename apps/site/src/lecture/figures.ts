// The figures of the lecture pages. Training curves are drawn from the results that the examples have recorded.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { analyze, design } from '@kumiki/ablation'
import { corpusShares, findModel } from '@kumiki/models/configs'
import { exponentHistogram, finfo } from '@kumiki/numerics'
import { scheduleFromJSON } from '@kumiki/optim'
import { simulate } from '@kumiki/planner'
import {
  barsChart,
  effectsChart,
  histogramChart,
  type Language,
  lineChart,
  scheduleChart,
  timelineChart,
} from '@kumiki/report'
import { root } from '../pages.ts'
import { bitsPicture, gridPicture } from './diagrams.ts'
import { plannerModel, sayIn } from './numbers.ts'
import { exampleValues, languageName } from './tables.ts'

interface Figure {
  readonly svg: string
  readonly caption: string
}

const records = (example: string): Record<string, any>[] =>
  readFileSync(join(root, 'examples', example, 'results.jsonl'), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))

export const figures = {
  history(language: Language): Figure {
    const say = sayIn(language)
    const lines = records('language-models-through-history')
    const runs = lines.filter((l) => l.kind === 'run')
    const last = (run: Record<string, any>) => run.curve.at(-1)[1]
    const kinds = (label: string) =>
      language === 'ja' ? label.replace('recurrent', 'RNN').replace('feed-forward', 'フィードフォワード') : label
    const labels = [...new Set(runs.map((r) => r.label as string))]
    const best = (label: string) => runs.filter((r) => r.label === label).reduce((a, b) => (last(b) < last(a) ? b : a))
    return {
      caption: say(
        'Held-out bits per byte against training time, the best size of each kind of model; horizontal lines are n-gram models',
        '学習時間に対する検証データの bits per byte。モデルの種類ごとに最もよいサイズのもの。横線は n-gram モデル',
      ),
      svg: lineChart(
        {
          title: say('From counts to the Transformer', 'n-gram から Transformer まで'),
          xLabel: say('training time, s', '学習時間 (秒)'),
          yLabel: say('held-out bits per byte', '検証データの bits per byte'),
          xScale: 'log',
          rules: lines
            .filter((l) => l.kind === 'n-gram' && l.order > 1)
            .map((l) => ({ label: `${l.order}-gram`, y: l.bitsPerByte })),
          lines: labels.map((label) => ({ label: kinds(label), points: best(label).curve, dots: true })),
        },
        { language },
      ),
    }
  },
  blend(language: Language): Figure {
    const say = sayIn(language)
    const shares = ['llm-jp-3-13b', 'llm-jp-4-8b'].map((name) => corpusShares(findModel(name).corpus!))
    const group = (subset: string) => /^(ja|en|code|zh|ko)/.exec(subset)?.[1] ?? 'other'
    const parts = ['ja', 'en', 'code', 'zh', 'ko', 'other']
    return {
      caption: say(
        'What LLM-jp-3 and LLM-jp-4 (first phase) read, in percent of all tokens',
        'LLM-jp-3 と LLM-jp-4 (第 1 段階) の学習データの言語別の内訳。全トークンに対する割合 (%)',
      ),
      svg: barsChart(
        {
          title: say('Corpus by language, %', 'コーパスの言語別内訳 (%)'),
          parts: parts.map((part) => languageName(part, say)),
          bars: ['LLM-jp-3', 'LLM-jp-4'].map((label, i) => ({
            label,
            values: parts.map(
              (part) =>
                100 * [...shares[i]].filter(([s]) => group(s) === part).reduce((sum, [, share]) => sum + share, 0),
            ),
          })),
        },
        { language },
      ),
    }
  },
  effects(language: Language): Figure {
    const say = sayIn(language)
    const d = design({ factors: ['StackV2', 'LessFineWeb', 'MegaMath', 'Laboro', 'FinePDFs'], runs: 8 })
    return {
      caption: say(
        'Effects with 95 % intervals, from eight invented scores in which one corpus helps',
        '効果と 95 % 信頼区間。スコアは、一つのコーパスだけが効く架空の 8 個',
      ),
      svg: effectsChart(analyze(d, [0.371, 0.373, 0.369, 0.375, 0.431, 0.433, 0.428, 0.435]), {
        response: say('score', 'スコア'),
        language,
      }),
    }
  },
  grid: (language: Language): Figure => ({
    caption: sayIn(language)(
      'Eight GPUs as DP 2 x TP 2 x PP 2; each colour is one part of the parameters',
      '8 GPU を DP 2 x TP 2 x PP 2 に分けた配置。同じ色の GPU は同じパラメーターを持つ',
    ),
    svg: gridPicture(sayIn(language)),
  }),
  pipeline(language: Language): Figure {
    const request = { model: plannerModel('llm-jp-3-13b'), cluster: { gpu: 'H100', nodes: 1, gpusPerNode: 8 } }
    const plan = {
      tensorParallel: 2,
      pipelineParallel: 4,
      microBatchSize: 2,
      globalBatchSize: 16,
      sequenceLength: 4096,
    }
    return {
      caption: sayIn(language)(
        'One step of LLM-jp-3 13B over a pipeline of four stages with eight micro-batches',
        '4 ステージのパイプラインで 8 マイクロバッチを処理する LLM-jp-3 13B の 1 ステップ',
      ),
      svg: timelineChart(simulate({ ...request, plan, schedule: '1f1b' }), { language }),
    }
  },
  bits: (language: Language): Figure => ({
    caption: sayIn(language)(
      'Sign, exponent and fraction of four formats, for the number 0.1',
      '0.1 を四つの形式で表したときの符号部、指数部、仮数部',
    ),
    svg: bitsPicture(0.1, sayIn(language)),
  }),
  range: (language: Language): Figure => ({
    caption: sayIn(language)(
      'Magnitudes of values with a few outliers, and the range of each format',
      '少数の外れ値を含む値の大きさの分布と、各形式の表現範囲',
    ),
    svg: histogramChart(exponentHistogram(exampleValues()), {
      formats: (['bfloat16', 'float16', 'float8_e4m3fn', 'float8_e5m2'] as const).map((f) => finfo(f)),
      language,
    }),
  }),
  schedules(language: Language): Figure {
    const say = sayIn(language)
    const steps = 494_120
    const cosine = scheduleFromJSON(findModel('llm-jp-3-13b').recipe!.schedule as any)
    const wsd = scheduleFromJSON({
      kind: 'wsd',
      peak: 2e-4,
      final: 0,
      warmupSteps: 2000,
      steps,
      decaySteps: 0.2 * steps,
      shape: 'minus_sqrt',
    })
    return {
      caption: say(
        "LLM-jp-3 13B's cosine, from its launch script, and WSD with a fifth of the steps for the decay",
        'LLM-jp-3 13B の起動スクリプトにあるコサインスケジュールと、ステップ数の 5 分の 1 を減衰に使う WSD',
      ),
      svg: scheduleChart(
        {
          [say('cosine, LLM-jp-3 13B', 'コサイン (LLM-jp-3 13B)')]: cosine,
          [say('WSD, same peak', 'WSD (同じ最大学習率)')]: wsd,
        },
        { steps, language },
      ),
    }
  },
  epsilon(language: Language): Figure {
    const say = sayIn(language)
    const share = (epsilon: number): [number, number][] =>
      Array.from({ length: 61 }, (_, i) => 10 ** (-9 + i / 10)).map((r) => [r, r / (r + epsilon)])
    return {
      caption: say(
        "Adam's effective step r / (r + epsilon) against the root mean square r of a gradient",
        '勾配の二乗平均平方根 r に対する、Adam の実効的な更新幅 r / (r + epsilon)',
      ),
      svg: lineChart(
        {
          title: say('Effect of epsilon on the step length', 'epsilon が更新幅に与える影響'),
          xLabel: say('root mean square of the gradient', '勾配の二乗平均平方根'),
          yLabel: say('fraction of the step', '本来の更新幅に対する割合'),
          xScale: 'log',
          xTick: (r) => r.toExponential(),
          lines: [1e-8, 1e-5].map((epsilon) => ({
            label: `epsilon ${epsilon.toExponential()}`,
            points: share(epsilon),
          })),
        },
        { language },
      ),
    }
  },
}
