/**
 * Speed of two checkouts of this repository, each in a process of its own. They alternate on one machine, so that its
 * changing load affects both alike and does not look like a change of the code. See README.md.
 *
 *     git worktree add ../before COMMIT && (cd ../before && npm run setup)
 *     node --conditions=source --import tsx benchmarks/commits.ts ../before --rounds 15 --json
 */
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cases } from './commits/cases.ts'
import { startProcess } from './common/child-process.ts'
import { backendsOf, countOf, parseArgs } from './common/options.ts'
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
    /** Minimum milliseconds of a measurement; the number of calls is chosen to reach it. */
    turn: { type: 'string', default: '40' },
    /** wall, or cpu: processor time of the process, which other processes on the machine affect less. */
    clock: { type: 'string', default: 'wall' },
    /** A case is marked as slower when both ratios are above this. */
    limit: { type: 'string', default: '1.03' },
    /** JSON lines on stdout; everything else goes to stderr. */
    json: { type: 'boolean', default: false },
  },
})
const [before] = positionals
if (before === undefined)
  throw new RangeError('Name the folder of the checkout to compare this one with: benchmarks/commits.ts FOLDER')
const roots = [fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, ''), resolve(before)]
// Cases read texts that lie beside the checkout, if they are there.
if (dirname(roots[0]) !== dirname(roots[1]))
  throw new RangeError(
    `${roots[1]} must be in ${dirname(roots[0])}, beside this checkout, so that both read the same texts`,
  )
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
      // Both sides make the same number of calls: as many as the slower one needs.
      const once = Math.max(await ask(0, { calls: 1 }), await ask(1, { calls: 1 }))
      const calls = Math.max(1, Math.ceil(turn / once))
      // The side that is measured first alternates.
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
