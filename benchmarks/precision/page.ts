/**
 * The report's page: comparisons of the recorded runs, their provenance, and differences that others have published.
 */
import { html, type PrecisionSetting, precisionReport, table } from '@kumiki/report'
import { compareRuns } from './comparison.ts'
import { groupsOf, type RunRecord } from './records.ts'

/**
 * Published differences of fp8 and bf16, for orientation: of other models, data and sizes. LLM-jp has published none.
 */
const published: readonly (readonly [string, string, string])[] = [
  ['marin-community/marin#7298', '24k steps, same seed and data', '+0.0040 nats'],
  ['marin-community/marin#7271', 'MXFP8', '+0.0025 to +0.0028 nats'],
  ['inclusionAI/Ling-V2#6', '23B tokens', '+0.034 nats (2.276 against 2.242)'],
  ['DeepSeek-V3, arXiv:2412.19437', 'relative loss error, blockwise', 'under 0.25 %'],
  ['NVIDIA/Megatron-LM#1152', 'expected by maintainers', '0.02 early, under 0.01 after several B tokens'],
]

/** The setting that a group's runs have in common, as text. */
export function settingOf([run]: readonly RunRecord[]): string {
  return `${run.model}: ${run.parameters.toLocaleString('en')} parameters, ${run.steps} steps of ${run.batch} x ${run.sequence} tokens, learning rate ${run.learningRate}`
}

/** Paragraphs about the provenance of a page's numbers. */
function about(runs: readonly RunRecord[]): string[] {
  const distinct = (of: (run: RunRecord) => string) => [...new Set(runs.map(of))].sort().join(', ')
  const commit = ({ commit, modified }: RunRecord) =>
    `${commit.slice(0, 12)}${modified.length > 0 ? ' with changes' : ''}`
  return [
    `${distinct((r) => r.corpus)}; vocabulary ${distinct((r) => String(r.architecture.vocabSize))}. Every policy sees the same batches in the same order from the same float32 weights; held-out loss is that of the trained weights as the forward pass reads them, never on 8 bits. ${distinct((r) => r.device)}; Node ${distinct((r) => r.node)}; commit ${distinct(commit)}; ${distinct((r) => r.date.slice(0, 10))}.`,
    'Products of 8-bit codes are computed here with float32 sums, which is better than the accumulators of some hardware: this compares number formats, not the speed or the sums of a GPU.',
  ]
}

/** @param runs of any settings; those of each setting are compared in a section of their own */
export function comparisonPage(runs: readonly RunRecord[], baseline: string): string {
  const settings = groupsOf(runs).map(
    (own): PrecisionSetting => ({
      heading: settingOf(own),
      runs: own.map((run) => ({ ...run, blocks: run.architecture.numHiddenLayers })),
      comparisons: compareRuns(own, baseline),
    }),
  )
  return precisionReport(settings, {
    about: about(runs),
    after: html`<h2>Published differences</h2>
<p>Of other models, data and sizes; not comparable number by number. LLM-jp trained models with fp8 and with bf16 and kept bf16, but has published no
difference in numbers.</p>
${table(['source', 'what', 'fp8 less bf16'], published, { caption: 'Published differences' })}`,
  })
}
