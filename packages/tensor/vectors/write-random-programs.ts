// Writes random-programs.json: programs as plain data, without answers. make_random_programs.py adds PyTorch's.
// From this folder: node --conditions=source --import tsx write-random-programs.ts && python make_random_programs.py
import { writeFileSync } from 'node:fs'
import * as K from '../src/index.ts'
import { moveTable } from '../test/random-programs/moves.ts'
import { makeProgram, type Program } from '../test/random-programs/program.ts'

/** What PyTorch has no equal of: our own random numbers, and gradients that pass casts unrounded. */
const without = new Set(['cast', 'random', 'draws', 'barrier'])
const only = new Set([...moveTable.keys()].filter((name) => !without.has(name)))
const reference = await K.init({ backend: 'reference' })
const programs: Program[] = []
for (let seed = 1_000_000; programs.length < 300; seed++) {
  const program = await makeProgram(seed, reference, { only, float32: true })
  if (program.outputs.length > 0) programs.push(program)
}
writeFileSync(new URL('random-programs.json', import.meta.url), JSON.stringify({ programs }))
reference.dispose()
