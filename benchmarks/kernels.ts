/**
 * Single kernels in Kumiki and in jax-js: matmul, causal attention, softmax and rmsNorm on the same data, timed
 * alternately after their results were compared. See README.md.
 *
 *     node --conditions=source --import tsx benchmarks/kernels.ts --backends cpu,webgpu --cases 'matmul 512' --json
 *     node --conditions=source --import tsx benchmarks/kernels.ts --in-process --cases 'matmul (512|4096)'
 */
import { availableParallelism } from 'node:os'
import { backendsOf, countOf, parseArgs } from './common/options.ts'
import { jaxVersion, provenance, versionOf } from './common/provenance.ts'
import { comparedCases, selectCases } from './kernels/cases.ts'
import { peers } from './kernels/contestant.ts'
import { inProcessCases, measureInProcess } from './kernels/in-process.ts'
import { type Measurement, measure, ResultsDiffer } from './kernels/measure.ts'
import { jsonLine, readable } from './kernels/report.ts'

const { values } = parseArgs({
  options: {
    /** cpu (jax-js: wasm), webgpu, or both. Default: cpu; webgpu with --in-process. */
    backends: { type: 'string' },
    /** What Kumiki is compared with: jax-js, or tfjs (matmul alone, on one thread of the cpu backend). */
    peer: { type: 'string', default: 'jax-js' },
    /** A regular expression for the names of the cases. */
    cases: { type: 'string', default: '' },
    /** Thread counts of the cpu backend, separated by commas; each is measured separately. */
    threads: { type: 'string', default: availableParallelism() > 1 ? `1,${availableParallelism()}` : '1' },
    rounds: { type: 'string', default: '7' },
    /** Kumiki alone, without child processes: every matmul variant, larger sizes. */
    'in-process': { type: 'boolean', default: false },
    /** JSON lines on stdout; everything else goes to stderr. */
    json: { type: 'boolean', default: false },
  },
})
const alone = values['in-process']
const backends = backendsOf(values.backends ?? (alone ? 'webgpu' : 'cpu'))
const cases = selectCases(alone ? inProcessCases : comparedCases, values.cases)
const rounds = countOf('rounds', values.rounds)
const peer = peers.find((p) => p === values.peer)
if (!peer) throw new RangeError(`--peer: expected one of ${peers.join(', ')}, got ${values.peer}`)
const threads = values.threads.split(',').map((text) => countOf('threads', text))
const json = (line: string) => {
  if (values.json) console.log(line)
}

const tables: string[] = []
if (alone) {
  for (const backend of backends)
    tables.push(
      await measureInProcess({ backend, threads: Math.max(...threads), cases, rounds, json, log: console.error }),
    )
} else {
  const from = provenance(['tensor'])
  const version = peer === 'tfjs' ? versionOf('@tensorflow/tfjs-core') : jaxVersion()
  for (const backend of backends) {
    const measurements: Measurement[] = []
    const options = { backend, peer, threads: backend === 'cpu' ? threads : [1], cases, rounds, log: console.error }
    try {
      for await (const m of measure(options)) {
        json(jsonLine(m, from, version))
        measurements.push(m)
      }
    } catch (error) {
      if (!(error instanceof ResultsDiffer)) throw error
      console.error(`${backend}: ${error.message}`)
      process.exit(1)
    }
    tables.push(readable(measurements, from))
  }
}
const print = values.json ? console.error : console.log
for (const text of tables) print(`\n${text}`)
