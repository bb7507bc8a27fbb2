/**
 * Text generation compared with transformers.js (onnxruntime-node on the CPU), onnxruntime-web (WebAssembly, which
 * transformers.js uses in a browser) and llama.cpp (node-llama-cpp). All continue the same prompts with the same
 * float32 weights, one after another in every round. See README.md.
 *
 *     node --conditions=source --import tsx benchmarks/generate.ts --peers FOLDER --json
 *     node --conditions=source --import tsx benchmarks/generate.ts --contexts 128,512,1024,1900 --json
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadModel } from '@kumiki/models/node'
import { init } from '@kumiki/tensor'
import { startProcess } from './common/child-process.ts'
import { countOf, parseArgs } from './common/options.ts'
import { processorName } from './common/processor.ts'
import { provenance } from './common/provenance.ts'
import { medianOf } from './common/statistics.ts'
import {
  type ContestantSpec,
  type Implementation,
  implementations,
  type Reply,
  type Request,
} from './generate/contestant.ts'
import { costOverContext } from './generate/context.ts'
import { writeModels } from './generate/files.ts'
import { promptOf } from './generate/workload.ts'

const { values } = parseArgs({
  options: {
    /** Where node_modules has @huggingface/transformers and node-llama-cpp; without it Kumiki runs alone. */
    peers: { type: 'string' },
    only: { type: 'string' },
    /** In place of all that: the cost of a token of Kumiki's at these contexts, and its attention's. */
    contexts: { type: 'string' },
    rounds: { type: 'string', default: '7' },
    prompts: { type: 'string', default: '128,1024' },
    tokens: { type: 'string', default: '33' },
    threads: { type: 'string', default: '2' },
    json: { type: 'boolean', default: false },
  },
})
const rounds = countOf('rounds', values.rounds)
const tokens = countOf('tokens', values.tokens)
const threads = countOf('threads', values.threads)
const lengths = values.prompts.split(',').map((n) => countOf('prompts', n))
const wanted = values.only ? values.only.split(',') : values.peers ? [...implementations] : ['kumiki']

const folder = mkdtempSync(join(tmpdir(), 'kumiki-bench-'))
const started = new Map<Implementation, Awaited<ReturnType<typeof startProcess<{ version: string }>>>>()
const rows: Record<string, unknown>[] = []
try {
  const about = { benchmark: 'generate', ...provenance(['models', 'tensor']), processor: processorName(), threads }
  await writeModels(folder)
  if (values.contexts) {
    const device = await init({ backend: 'cpu', threads })
    const { parameters } = await loadModel(device, join(folder, 'hf'))
    const contexts = values.contexts.split(',').map((n) => countOf('contexts', n))
    for (const cost of await costOverContext(device, parameters, contexts, rounds)) {
      rows.push({ ...cost })
      if (values.json) process.stdout.write(`${JSON.stringify({ ...about, benchmark: 'generate context', ...cost })}\n`)
    }
    device.dispose()
    lengths.length = 0
    wanted.length = 0
  }
  for (const implementation of wanted as Implementation[]) {
    const spec: ContestantSpec = { implementation, models: folder, peers: values.peers, threads }
    const script = new URL('generate/child.ts', import.meta.url)
    started.set(implementation, await startProcess(script, spec, implementation))
  }
  for (const length of lengths) {
    const replies = new Map<Implementation, Reply[]>([...started.keys()].map((name) => [name, []]))
    // The first round is a warm-up: programs are compiled and memory is allocated.
    for (let round = 0; round <= rounds; round++)
      for (const [name, { ask }] of started) {
        const reply = await ask<Reply>({ prompt: promptOf(length, round), tokens } satisfies Request)
        if (round > 0) replies.get(name)!.push(reply)
      }
    const own = replies.get('kumiki')
    for (const [name, list] of replies) {
      const prefill = length / medianOf(list.map((r) => r.prefillSeconds))
      const decode = (tokens - 1) / medianOf(list.map((r) => r.decodeSeconds))
      const best = {
        prefill: length / Math.min(...list.map((r) => r.prefillSeconds)),
        decode: (tokens - 1) / Math.min(...list.map((r) => r.decodeSeconds)),
      }
      const same = own && list.filter((r, i) => String(r.ids) === String(own[i].ids)).length
      const figure = (x: number) => Number(x.toPrecision(4))
      const row = {
        ...{ implementation: name, version: started.get(name)!.ready.version, prompt: length, tokens, rounds },
        ...{ prefillTokensPerSecond: figure(prefill), decodeTokensPerSecond: figure(decode) },
        ...{ bestPrefill: figure(best.prefill), bestDecode: figure(best.decode), sameText: `${same}/${rounds}` },
      }
      rows.push(row)
      if (values.json) process.stdout.write(`${JSON.stringify({ ...about, ...row })}\n`)
    }
  }
  const shown = rows.map(({ rounds: _, tokens: __, ...row }) => row)
  if (values.json) console.error(shown)
  else console.table(shown)
} finally {
  for (const { stop } of started.values()) stop()
  rmSync(folder, { recursive: true, force: true })
}
