/** Full factorial designs, and replication of designs. */
import { checkLevelDesign } from './check-design.ts'
import { checkLevelFactors, type GivenFactor, type LevelDesign } from './level-design.ts'

const mostRuns = 4096

/**
 * A full factorial design: all combinations of levels, with the first factor changing fastest.
 * @throws RangeError for more than 4096 runs, repeated names, or a factor with fewer than two levels
 * @example fullFactorial(['A', { name: 'data', levels: ['web', 'code', 'mixed'] }]).runs.length // 6
 */
export function fullFactorial(factors: readonly GivenFactor[]): LevelDesign {
  const checked = checkLevelFactors('fullFactorial', factors, 20)
  const count = checked.reduce((n, { levels }) => n * levels.length, 1)
  if (count > mostRuns)
    throw new RangeError(
      `fullFactorial: ${count} runs; at most ${mostRuns} are supported, so use fewer levels or a fractional design`,
    )
  const runs = Array.from({ length: count }, (_, run) => {
    let rest = run
    return checked.map(({ levels }) => {
      const level = rest % levels.length
      rest = Math.floor(rest / levels.length)
      return level
    })
  })
  return { name: 'full factorial', factors: checked, runs }
}

/**
 * Replicates a design: all runs `times` times, one complete replicate after another.
 * @param blocks whether each replicate is a block
 * @throws RangeError where `times` is not an integer from 1 to 1000
 * @example replicate(fullFactorial(['code', 'math']), 3).runs.length // 12
 */
export function replicate(design: LevelDesign, times: number, blocks = false): LevelDesign {
  checkLevelDesign('replicate', design)
  if (!Number.isInteger(times) || times < 1 || times > 1000)
    throw new RangeError(`replicate: times must be an integer from 1 to 1000, got ${times}`)
  const runs = Array.from({ length: times }, () => design.runs).flat()
  const own = design.blocks
  const perSet = own ? Math.max(...own) + 1 : 1
  const block = (run: number) => {
    const set = Math.floor(run / design.runs.length)
    return (blocks ? set * perSet : 0) + (own ? own[run % design.runs.length] : 0)
  }
  return { ...design, runs, ...((blocks || own) && { blocks: runs.map((_, run) => block(run)) }) }
}
