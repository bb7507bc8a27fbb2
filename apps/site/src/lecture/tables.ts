// The tables of the lecture's pages, each computed by the packages.
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
import { markdownTable, percent, plannerModel, trillions, whole } from './numbers.ts'

const dense = ['150m', '440m', '980m', '1.8b', '3.7b', '7.2b', '13b', '172b'].map((size) => `llm-jp-3-${size}`)
const factors = ['StackV2', 'LessFineWeb', 'MegaMath', 'Laboro', 'FinePDFs']
const fenced = (text: string) => `\`\`\`text\n${text}\n\`\`\``

/** Values as activations have them: a normal distribution and a few outliers; the same on every machine. */
export function exampleValues(count = 4096): Float32Array {
  let state = 1
  const uniform = () => (state = (state * 48271) % 2147483647) / 2147483647
  const normal = () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform())
  return Float32Array.from({ length: count }, (_, i) => normal() * (i % 512 === 0 ? 60 : 1))
}

export const tables = {
  sizes: () =>
    markdownTable(
      ['model', 'layers', 'hidden', 'feed-forward', 'heads', 'query groups', 'vocabulary rows', 'parameters'],
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
  compute: () =>
    markdownTable(
      ['model', 'FLOP per token', 'tokens', 'total FLOP', 'H100-days at 40 %'],
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
  budget: () => {
    const model = plannerModel('llm-jp-4-32b')
    const budget = assessBudget({ model, tokens: 10e12, gpu: 'H200', gpuDays: 12_000 })
    return markdownTable(
      ['what', 'figure'],
      [
        ['FLOP for 10T tokens', `${budget.totalFlops.toExponential(2)} FLOP`],
        ['GPU-days at the peak of an H200, which no run reaches', whole(budget.gpuDaysAtPeak)],
        ['GPU-days at 40 % MFU', whole(budget.gpuDaysAt['0.40'])],
        ['fraction of the peak needed for 12,000 GPU-days', percent(budget.requiredMfu, 0)],
        ['the same for 12,000 node-days of 8 GPUs', percent(budget.requiredMfu / 8)],
      ],
    )
  },
  languages: () => {
    const models = ['llm-jp-3-13b', 'llm-jp-4-8b']
    const shares = models.map((name) => languageShares(findModel(name).corpus!))
    const keys = [...new Set(shares.flatMap((s) => Object.keys(s)))]
    return markdownTable(
      ['language', ...models.map((m) => m.replace(/-(13b|8b)$/, ''))],
      [
        ...keys.map((key) => [key, ...shares.map((s) => percent(s[key] ?? 0, 2))]),
        ['tokens read', ...models.map((m) => trillions(countCorpusTokens(findModel(m).corpus!).weighted))],
      ],
    )
  },
  repeats: () => {
    const corpus = findModel('llm-jp-4-8b').corpus!
    const shares = corpusShares(corpus)
    const rows = corpus.subsets
      .flatMap((s) => ('weight' in s ? [] : [s]))
      .sort((a, b) => shares.get(b.subset)! - shares.get(a.subset)!)
      .slice(0, 12)
    return markdownTable(
      ['subset', 'tokens per epoch', 'repeats', 'share of tokens read'],
      rows.map((r) => [
        `\`${r.subset}\``,
        `${(r.tokens / 1e9).toFixed(1)}B`,
        r.repeats,
        percent(shares.get(r.subset)!, 2),
      ]),
    )
  },
  design: () => fenced(designTable(design({ factors, runs: 8 }))),
  aliases: () => fenced(aliasTable(design({ factors, runs: 8 }))),
  power: () =>
    markdownTable(
      ['replicates', 'runs', 'power for an effect of 0.5 with standard deviation 0.3'],
      [1, 2, 3].map((times) => [
        `${times} x`,
        8 * times,
        percent(power({ runs: 8, terms: 5, effect: 0.5, spread: 0.3, replicates: times }), 0),
      ]),
    ),
  layouts: () => {
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
      ['plan', 'seconds per step', 'memory per GPU', 'share of the peak'],
      plans.map((own) => {
        const e = estimate({ model: plannerModel('llm-jp-4-32b'), cluster, plan: { ...own, ...common } })
        return [
          `TP ${own.tensorParallel}, PP ${own.pipelineParallel}, micro-batch ${own.microBatchSize}`,
          e.stepSeconds.toFixed(2),
          percent(e.memoryBytes / findGpu('H200').memoryBytes, 0),
          percent(e.mfu),
        ]
      }),
    )
  },
  pipelines: () => {
    const plan = {
      tensorParallel: 2,
      pipelineParallel: 4,
      microBatchSize: 2,
      globalBatchSize: 512,
      sequenceLength: 4096,
    }
    return markdownTable(
      ['schedule', 'seconds per step', 'bubble / work'],
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
  formats: () =>
    markdownTable(
      ['format', 'largest', 'smallest normal', 'spacing above 1', '0.1 becomes', 'as bits'],
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
  errors: () =>
    markdownTable(
      ['format', 'SQNR, dB', 'underflow to zero', 'clipped'],
      compareFormats(exampleValues(), { formats: ['bfloat16', 'float8_e4m3fn', 'float8_e5m2'], scaling: 'amax' }).map(
        (r) => [r.format, r.sqnrDb.toFixed(1), percent(r.underflowFraction, 2), percent(r.saturationFraction, 2)],
      ),
    ),
  recipes: () =>
    markdownTable(
      ['model', 'peak learning rate', 'schedule', 'beta2', 'epsilon', 'decay', 'tokens per step'],
      listModels()
        .filter((m) => m.recipe)
        .map(({ name, recipe }) => {
          const { schedule, optimizer, globalBatchSize, sequenceLength } = recipe!
          const peak = schedule.kind === 'wsd' ? schedule.peak : schedule.schedule.from
          return [
            name,
            peak.toExponential(),
            schedule.kind === 'wsd' ? 'WSD' : 'cosine',
            optimizer.beta2,
            optimizer.epsilon.toExponential(),
            optimizer.weightDecay,
            whole(globalBatchSize * sequenceLength),
          ]
        }),
    ),
  levels: () =>
    markdownTable(
      ['level', 'train', 'search', 'distribute'],
      Object.entries(releaseLevels).map(([level, uses]) => [
        level,
        ...[uses.train, uses.search, uses.distribute].map((may) => (may ? 'yes' : 'no')),
      ]),
    ),
}
