/**
 * Two checkouts of this repository against each other: each in a process of its own, in turns on one machine, so that a change of
 * speed shows and a change of weather does not. See README.md.
 *
 *     git worktree add ../before COMMIT && (cd ../before && npm run setup)
 *     node --conditions=source --import tsx benchmarks/commits.ts ../before --rounds 15 --json
 */
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { cases } from './commits/cases.ts'
import { startProcess } from './common/child-process.ts'
import { backendsOf, countOf } from './common/options.ts'
import { provenance } from './common/provenance.ts'
import { medianOf } from './common/statistics.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    backends: { type: 'string', default: 'cpu' },
    threads: { type: 'string', default: '1' },
    /** A regular expression for the names of the cases. */
    cases: { type: 'string', default: '' },
    rounds: { type: 'string', default: '15' },
    /** Milliseconds that a turn takes at least. */
    turn: { type: 'string', default: '40' },
    /** wall, or cpu: the time processors spent in the process, which a busy machine disturbs less. */
    clock: { type: 'string', default: 'wall' },
    /** A ratio above this is marked. */
    limit: { type: 'string', default: '1.03' },
    /** JSON lines on stdout; everything else goes to stderr. */
    json: { type: 'boolean', default: false },
  },
})
const [before] = positionals
if (before === undefined) throw new RangeError('Which checkout is this one held against? benchmarks/commits.ts FOLDER')
const roots = [fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, ''), resolve(before)]
const rounds = countOf('rounds', values.rounds)
const turn = countOf('turn', values.turn)
const limit = Number(values.limit)
if (values.clock !== 'wall' && values.clock !== 'cpu')
  throw new RangeError(`--clock: expected wall or cpu, got ${values.clock}`)
const names = new RegExp(values.cases)
const log = values.json ? console.error : console.log

interface Answer {
  readonly milliseconds?: number
  readonly failed?: string
}

for (const backend of backendsOf(values.backends)) {
  const from = provenance(['tensor'])
  const children = await Promise.all(
    roots.map((root) =>
      startProcess(
        new URL('./commits/child.ts', import.meta.url),
        { root, backend, threads: countOf('threads', values.threads), clock: values.clock },
        root,
      ),
    ),
  )
  const ask = async (side: number, request: object) => {
    const answer = await children[side].ask<Answer>(request)
    if (answer.failed !== undefined) throw new Error(`${side === 0 ? 'here' : 'before'}: ${answer.failed}`)
    return answer.milliseconds ?? 0
  }
  log(`\n${backend}, ${from.loadAverage} load average\n`)
  log('| case | ms here | ms before | ratio of medians | of the best | |')
  log('| --- | ---: | ---: | ---: | ---: | --- |')
  for (const [i, { name }] of cases.entries()) {
    if (!names.test(name)) continue
    try {
      const milliseconds: number[][] = [[], []]
      for (const side of [0, 1]) {
        await ask(side, { case: i })
        await ask(side, { calls: 1 })
        await ask(side, { calls: 3 })
      }
      // The count comes from the slower side, so that both do the same work in a turn.
      const once = Math.max(await ask(0, { calls: 1 }), await ask(1, { calls: 1 }))
      const calls = Math.max(1, Math.ceil(turn / once))
      // Who goes first changes every round.
      for (let round = -1; round < rounds; round++)
        for (const side of round % 2 === 0 ? [0, 1] : [1, 0]) {
          const spent = (await ask(side, { calls })) / calls
          if (round >= 0) milliseconds[side].push(spent)
        }
      const [here, there] = milliseconds
      const ofMedians = medianOf(here) / medianOf(there)
      const ofBest = Math.min(...here) / Math.min(...there)
      const slower = Math.min(ofMedians, ofBest) > limit
      const digits = (x: number) => x.toPrecision(4)
      log(
        `| ${name} | ${digits(medianOf(here))} | ${digits(medianOf(there))} | ${ofMedians.toFixed(3)} | ${ofBest.toFixed(3)} | ${slower ? 'slower' : ''} |`,
      )
      if (values.json)
        console.log(
          JSON.stringify({ benchmark: 'commits', backend, case: name, here, there, ofMedians, ofBest, ...from }),
        )
    } catch (error) {
      log(`| ${name} | left out: ${(error as Error).message} | | | | |`)
    }
  }
  for (const child of children) child.stop()
}
