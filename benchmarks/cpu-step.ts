/**
 * A training step of a larger model on the CPU: the time of every kind of work, compared with the CPU's peak throughput
 * and bandwidth, and the step compared with PyTorch's on the same weights and tokens. See README.md.
 *
 *     node --conditions=source --import tsx benchmarks/cpu-step.ts --python python3
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { startProcess } from './common/child-process.ts'
import { loadAverage } from './common/load-average.ts'
import { countOf, parseArgs } from './common/options.ts'
import { processorName } from './common/processor.ts'
import { provenance } from './common/provenance.ts'
import { medianOf } from './common/statistics.ts'
import { type Ceilings, CeilingThreads } from './cpu-step/ceilings.ts'
import { boundBy, type Kind, kinds, type Work } from './cpu-step/kinds.ts'
import { startPyTorch } from './cpu-step/pytorch.ts'
import { checkedSteps, lossTolerance, type StepReport, type StepSpec } from './cpu-step/workload.ts'

const { values } = parseArgs({
  options: {
    /** A name of the registry, or nano. */
    model: { type: 'string', default: 'llm-jp-3-150m' },
    batch: { type: 'string', default: '8' },
    sequence: { type: 'string', default: '512' },
    precisions: { type: 'string', default: 'bf16' },
    threads: { type: 'string', default: String(availableParallelism()) },
    /** Rounds; each measures the ceilings, profiles a step and times a step. */
    rounds: { type: 'string', default: '5' },
    /** Command of a Python with PyTorch and transformers; without it Kumiki is measured alone. */
    python: { type: 'string' },
    /** JSON lines on stdout, the table on stderr. */
    json: { type: 'boolean', default: false },
  },
})
const print = (line: string) => (values.json ? console.error(line) : console.log(line))
const rounds = countOf('rounds', values.rounds)
const threads = countOf('threads', values.threads)
const from = provenance(['tensor', 'models', 'optim', 'train'])
const ceilingThreads = new CeilingThreads(threads)

for (const precision of values.precisions.split(',')) {
  if (precision !== 'f32' && precision !== 'bf16')
    throw new RangeError(`--precisions: expected f32, bf16 or both separated by a comma, got ${precision}`)
  const folder = mkdtempSync(join(tmpdir(), 'kumiki-cpu-step-'))
  const { model } = values
  const [batch, sequence] = [countOf('batch', values.batch), countOf('sequence', values.sequence)]
  const spec: StepSpec = { model, batch, sequence, precision, threads, folder }
  try {
    await compare(spec)
  } finally {
    rmSync(folder, { recursive: true })
  }
}
await ceilingThreads.stop()

async function compare(spec: StepSpec): Promise<void> {
  const stops: (() => void)[] = []
  try {
    const script = new URL('cpu-step/child.ts', import.meta.url)
    const kumiki = await startProcess<{ device: string }>(script, spec, 'kumiki')
    stops.push(kumiki.stop)
    const pytorch = values.python ? await startPyTorch(values.python, spec) : undefined
    if (pytorch) stops.push(pytorch.stop)
    for (let i = 0; i < checkedSteps; i++) {
      const { loss } = await kumiki.ask<StepReport>({ kind: 'step' })
      const other = await pytorch?.step()
      print(`step ${i + 1}: loss ${loss}${other ? `, PyTorch ${other.loss}` : ''}`)
      if (other && !(Math.abs(loss / other.loss - 1) <= lossTolerance[spec.precision]))
        throw new Error(
          `step ${i + 1}: the losses ${loss} and ${other.loss} differ by more than ${lossTolerance[spec.precision]} (relative), so the steps are not the same computation`,
        )
    }
    const ceilings: Ceilings[] = []
    const profiles: Record<Kind, Work>[] = []
    const [ours, theirs]: StepReport[][] = [[], []]
    for (let round = 0; round < rounds; round++) {
      ceilings.push(await ceilingThreads.measure())
      profiles.push(await kumiki.ask<Record<Kind, Work>>({ kind: 'profile' }))
      ceilings.push(await ceilingThreads.measure())
      ours.push(await kumiki.ask<StepReport>({ kind: 'step' }))
      if (pytorch) theirs.push(await pytorch.step())
      const seconds = (reports: StepReport[]) => reports.at(-1)?.seconds.toFixed(1) ?? ''
      print(`round ${round + 1}: ${seconds(ours)} s${pytorch ? `, PyTorch ${seconds(theirs)} s` : ''}`)
    }
    report(spec, kumiki.ready.device, pytorch?.version, ceilings, profiles, ours, theirs)
  } finally {
    for (const stop of stops) stop()
  }
}

function report(
  spec: StepSpec,
  device: string,
  version: string | undefined,
  ceilings: readonly Ceilings[],
  profiles: readonly Record<Kind, Work>[],
  ours: readonly StepReport[],
  theirs: readonly StepReport[],
): void {
  const ceiling = {
    gflops: Math.max(...ceilings.map((c) => c.gflops)),
    gigabytes: Math.max(...ceilings.map((c) => c.gigabytes)),
  }
  const step = medianOf(profiles.map((p) => kinds.reduce((sum, kind) => sum + p[kind].milliseconds, 0)))
  const work = kinds.map((kind) => {
    const milliseconds = medianOf(profiles.map((p) => p[kind].milliseconds))
    const bound = boundBy[kind]
    const amount = bound === 'gflops' ? profiles[0][kind].flops : profiles[0][kind].bytes
    const rate = amount / milliseconds / 1e6
    return { kind, milliseconds, shareOfStep: milliseconds / step, bound, rate, shareOfCeiling: rate / ceiling[bound] }
  })
  const side = (reports: readonly StepReport[]) => ({
    seconds: medianOf(reports.map((r) => r.seconds)),
    best: Math.min(...reports.map((r) => r.seconds)),
    processorSeconds: medianOf(reports.map((r) => r.processorSeconds)),
    rounds: reports.map((r) => Number(r.seconds.toFixed(3))),
  })
  const { model, batch, sequence, precision } = spec
  const sides = { kumiki: side(ours), ...(version ? { pytorch: side(theirs) } : {}) }
  const percent = (x: number) => `${(100 * x).toFixed(0)} %`.padStart(8)
  print(`\n${model}, ${batch} x ${sequence} tokens, ${precision}; ${processorName()}; ${device}; load ${loadAverage()}`)
  print(`ceilings: ${ceiling.gflops.toFixed(1)} GFLOP/s, ${ceiling.gigabytes.toFixed(1)} GB/s`)
  print(
    `${'work'.padEnd(22)}${'ms'.padStart(10)}${'of step'.padStart(9)}${'rate'.padStart(18)}${'of ceiling'.padStart(12)}`,
  )
  for (const { kind, milliseconds, shareOfStep, bound, rate, shareOfCeiling } of work)
    print(
      `${kind.padEnd(22)}${milliseconds.toFixed(1).padStart(10)} ${percent(shareOfStep)}${`${rate.toFixed(1)} ${bound === 'gflops' ? 'GFLOP/s' : 'GB/s'}`.padStart(18)}    ${percent(shareOfCeiling)}`,
    )
  for (const [name, s] of Object.entries(sides))
    print(
      `${name.padEnd(22)}${s.seconds.toFixed(2)} s a step (best ${s.best.toFixed(2)}), ${s.processorSeconds.toFixed(2)} s of processors, ${((batch * sequence) / s.seconds).toFixed(0)} tokens/s`,
    )
  if (!values.json) return
  const kernels = Object.fromEntries(kinds.map((kind) => [kind, profiles[0][kind].kernels]))
  const losses = { kumiki: ours.at(-1)!.loss, ...(version ? { pytorch: theirs.at(-1)!.loss } : {}) }
  const about = { ...from, processor: processorName(), device, threads, ...(version ? { pytorch: version } : {}) }
  console.log(
    JSON.stringify({
      benchmark: 'cpu-step',
      ...about,
      model,
      batch,
      sequence,
      precision,
      ceiling,
      work,
      steps: sides,
      losses,
      kernels,
    }),
  )
}
