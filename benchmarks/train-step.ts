/**
 * One training step in Kumiki and in jax-js: the same decoder, initial weights and batches, timed alternately after the
 * losses were compared. See README.md.
 *
 *     node --conditions=source --import tsx benchmarks/train-step.ts --backends cpu,webgpu --rounds 7 --steps 5 --json
 */
import { availableParallelism } from 'node:os'
import { backendsOf, countOf, parseArgs } from './common/options.ts'
import { provenance } from './common/provenance.ts'
import { LossesDiffer, measure } from './train-step/measure.ts'
import { jsonLines, readable } from './train-step/report.ts'

const { values } = parseArgs({
  options: {
    /** cpu (jax-js: wasm), webgpu, or both. */
    backends: { type: 'string', default: 'cpu' },
    /** Thread counts of the cpu backend, separated by commas; each is measured separately. */
    threads: { type: 'string', default: availableParallelism() > 1 ? `1,${availableParallelism()}` : '1' },
    rounds: { type: 'string', default: '7' },
    /** Steps that each implementation makes in a round. */
    steps: { type: 'string', default: '5' },
    /** JSON lines on stdout; everything else goes to stderr. */
    json: { type: 'boolean', default: false },
  },
})
const backends = backendsOf(values.backends)
const rounds = countOf('rounds', values.rounds)
const steps = countOf('steps', values.steps)
const threads = values.threads.split(',').map((text) => countOf('threads', text))

const from = provenance(['tensor', 'models', 'optim', 'train'])
const tables: string[] = []
for (const backend of backends) {
  try {
    const options = { backend, threads: backend === 'cpu' ? threads : [1], rounds, steps, log: console.error }
    const measurements = await measure(options)
    if (values.json) for (const line of jsonLines(measurements, steps, from)) console.log(line)
    tables.push(readable(measurements, from))
  } catch (error) {
    if (!(error instanceof LossesDiffer)) throw error
    console.error(`${backend}: ${error.message}`)
    process.exit(1)
  }
}
const print = values.json ? console.error : console.log
for (const table of tables) print(`\n${table}`)
