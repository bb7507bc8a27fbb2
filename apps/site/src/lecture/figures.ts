// The figures of the lecture's pages. Curves of trainings are drawn again from the records that the examples keep.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { analyze, design } from '@kumiki/ablation'
import { corpusShares, findModel } from '@kumiki/models/configs'
import { exponentHistogram, finfo } from '@kumiki/numerics'
import { scheduleFromJSON } from '@kumiki/optim'
import { simulate } from '@kumiki/planner'
import { barsChart, effectsChart, histogramChart, lineChart, scheduleChart, timelineChart } from '@kumiki/report'
import { root } from '../pages.ts'
import { bitsPicture, gridPicture } from './diagrams.ts'
import { plannerModel } from './numbers.ts'
import { exampleValues } from './tables.ts'

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
  history(): Figure {
    const lines = records('language-models-through-history')
    const runs = lines.filter((l) => l.kind === 'run')
    const last = (run: Record<string, any>) => run.curve.at(-1)[1]
    const labels = [...new Set(runs.map((r) => r.label as string))]
    const best = (label: string) => runs.filter((r) => r.label === label).reduce((a, b) => (last(b) < last(a) ? b : a))
    return {
      caption:
        'Held-out bits per byte against training time, the best size of each kind of model; horizontal lines are n-gram models',
      svg: lineChart({
        title: 'From counts to the Transformer',
        xLabel: 'training time, s',
        yLabel: 'held-out bits per byte',
        xScale: 'log',
        rules: lines
          .filter((l) => l.kind === 'n-gram' && l.order > 1)
          .map((l) => ({ label: `${l.order}-gram`, y: l.bitsPerByte })),
        lines: labels.map((label) => ({ label, points: best(label).curve, dots: true })),
      }),
    }
  },
  blend(): Figure {
    const shares = ['llm-jp-3-13b', 'llm-jp-4-8b'].map((name) => corpusShares(findModel(name).corpus!))
    const group = (subset: string) => /^(ja|en|code|zh|ko)/.exec(subset)?.[1] ?? 'other'
    const parts = ['ja', 'en', 'code', 'zh', 'ko', 'other']
    return {
      caption: 'What LLM-jp-3 and LLM-jp-4 (first phase) read, in percent of all tokens',
      svg: barsChart({
        title: 'Corpus by language, %',
        parts,
        bars: ['LLM-jp-3', 'LLM-jp-4'].map((label, i) => ({
          label,
          values: parts.map(
            (part) =>
              100 * [...shares[i]].filter(([s]) => group(s) === part).reduce((sum, [, share]) => sum + share, 0),
          ),
        })),
      }),
    }
  },
  effects(): Figure {
    const d = design({ factors: ['StackV2', 'LessFineWeb', 'MegaMath', 'Laboro', 'FinePDFs'], runs: 8 })
    return {
      caption: 'Effects with 95 % intervals, from eight invented scores in which one corpus helps',
      svg: effectsChart(analyze(d, [0.371, 0.373, 0.369, 0.375, 0.431, 0.433, 0.428, 0.435]), { response: 'score' }),
    }
  },
  grid: (): Figure => ({
    caption: 'Eight GPUs as DP 2 x TP 2 x PP 2; each colour is one part of the parameters',
    svg: gridPicture(),
  }),
  pipeline(): Figure {
    const request = { model: plannerModel('llm-jp-3-13b'), cluster: { gpu: 'H100', nodes: 1, gpusPerNode: 8 } }
    const plan = {
      tensorParallel: 2,
      pipelineParallel: 4,
      microBatchSize: 2,
      globalBatchSize: 16,
      sequenceLength: 4096,
    }
    return {
      caption:
        'One step of LLM-jp-3 13B over a pipeline of four stages, eight micro-batches, forward (light) and backward',
      svg: timelineChart(simulate({ ...request, plan, schedule: '1f1b' })),
    }
  },
  bits: (): Figure => ({
    caption: 'Sign, exponent and fraction of four formats, for the number 0.1',
    svg: bitsPicture(0.1),
  }),
  range: (): Figure => ({
    caption: 'Magnitudes of values with a few outliers, and the range of each format',
    svg: histogramChart(exponentHistogram(exampleValues()), {
      formats: (['bfloat16', 'float16', 'float8_e4m3fn', 'float8_e5m2'] as const).map((f) => finfo(f)),
    }),
  }),
  schedules(): Figure {
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
      caption: "LLM-jp-3 13B's cosine, from its launch script, and WSD with a fifth of the steps for the decay",
      svg: scheduleChart({ 'cosine, LLM-jp-3 13B': cosine, 'WSD, same peak': wsd }, { steps }),
    }
  },
  epsilon(): Figure {
    const share = (epsilon: number): [number, number][] =>
      Array.from({ length: 61 }, (_, i) => 10 ** (-9 + i / 10)).map((r) => [r, r / (r + epsilon)])
    return {
      caption: "Adam's effective step r / (r + epsilon) against the root mean square r of a gradient",
      svg: lineChart({
        title: 'Effect of epsilon on the step length',
        xLabel: 'root mean square of the gradient',
        yLabel: 'fraction of the step',
        xScale: 'log',
        lines: [1e-8, 1e-5].map((epsilon) => ({ label: `epsilon ${epsilon.toExponential()}`, points: share(epsilon) })),
      }),
    }
  },
}
