/** Going on with a run: what may be changed, and everything that is not as it was, said. Node only. */
import { type LoadedCheckpoint, takeUpCheckpoint } from '../checkpoints/load.ts'
import { checkRecipe, type Recipe, RecipeError, recipeChanges, scheduleOf } from './recipe.ts'
import { type RunRecord, shellWord } from './run-record.ts'

/** The recipe of a record with changes over it. @throws RecipeError for values that do not fit */
export function changedRecipe(record: RunRecord, overrides: Partial<Recipe>): Recipe {
  const given = Object.fromEntries(Object.entries(overrides).filter(([, value]) => value !== undefined))
  return checkRecipe({ ...record.recipe, ...given }, 'train --resume')
}

/** What a checkpoint says its steps were made with. */
export interface MadeWith {
  readonly recipe: Recipe
  readonly device: string
}

/**
 * Takes up the newest sound checkpoint, or that of a step. Everything that is passed over is logged.
 * @returns undefined where there is none yet
 * @throws RecipeError where the run has made more steps than it shall make
 */
export async function takeUp(
  folder: string,
  record: Pick<RunRecord, 'id' | 'recipe' | 'processes'>,
  recipe: Recipe,
  step: number | undefined,
  log: (line: string) => void,
): Promise<LoadedCheckpoint | undefined> {
  let passed = false
  const loaded = await takeUpCheckpoint(folder, {
    run: record.id,
    step,
    onFault: (_, fault) => {
      passed = true
      log(`Passed over: ${fault}`)
    },
  })
  if (!loaded) {
    const made = Math.max(0, ...record.processes.map((process) => process.step))
    if (made > 0)
      throw new Error(
        `${folder}: ${made} steps were made (run.json), but there is no checkpoint any more; put checkpoints/ back, or begin a new run`,
      )
    log('There is no checkpoint yet; beginning from the first step')
    return undefined
  }
  const at = loaded.snapshot.step
  if (recipe.steps < at)
    throw new RecipeError(
      `--steps ${recipe.steps}: the run has made ${at} steps already; give ${at} or more, or go back to an earlier checkpoint by --resume ${folder}@STEP`,
    )
  const changed = Object.keys(recipeChanges(record.recipe, recipe))
  const unused = changed.filter((field) => field !== 'steps')
  if (recipe.steps === at && unused.length > 0)
    throw new RecipeError(
      `all ${at} steps of the run are made, so ${unused.join(' and ')} would change nothing: give more --steps, or go back to an earlier checkpoint by --resume ${folder}@STEP`,
    )
  log(
    at === recipe.steps
      ? `All ${at} steps are made; what comes after them is made again`
      : `Going on from step ${at}${passed ? ', the newest sound checkpoint' : ''}`,
  )
  return loaded
}

/** What is not as it was when a checkpoint was made: one line each. */
export function resumeRemarks(
  made: Partial<MadeWith> | undefined,
  recipe: Recipe,
  step: number,
  device: string,
): string[] {
  const lines: string[] = []
  if (!made?.recipe) return lines
  for (const [field, [before, after]] of Object.entries(recipeChanges(made.recipe, recipe)))
    lines.push(`${field} was ${String(before)} up to step ${step}, and is ${String(after)} from here on`)
  if (step < recipe.steps) {
    const before = made.recipe.steps > step ? scheduleOf(made.recipe)(step) : scheduleOf(made.recipe)(step - 1)
    const after = scheduleOf(recipe)(step)
    const last = scheduleOf(made.recipe)(Math.max(0, step - 1))
    if (rate(after) !== rate(before))
      lines.push(
        `The learning rate of step ${step + 1} is ${rate(after)} now; it was ${rate(last)} at step ${step}${made.recipe.steps > step ? ` and would have been ${rate(before)}` : ', where the schedule ended'}`,
      )
  }
  if (made.device !== undefined && arithmetic(made.device) !== arithmetic(device))
    lines.push(
      `The steps so far were made on ${made.device}, this is ${device}: its results differ in the last bits, so the run is not the one it would have been`,
    )
  return lines
}

const rate = (value: number) => Number(value.toPrecision(3)).toString()

/** A device without what changes no result. */
function arithmetic(device: string): string {
  return device.replace(/, \d+ threads?/, '')
}

/** Steps that metrics.jsonl should have and has not. */
export function gapRemark(gaps: readonly (readonly [number, number])[]): string | undefined {
  if (gaps.length === 0) return undefined
  const ranges = gaps.slice(0, 5).map(([from, to]) => (from === to ? `${from}` : `${from} to ${to}`))
  return `metrics.jsonl lacks step${gaps.length === 1 && gaps[0][0] === gaps[0][1] ? '' : 's'} ${ranges.join(', ')}${gaps.length > 5 ? ' and more' : ''}: curves have a gap there, the run itself is whole`
}

/**
 * What to do about a loss that went wrong.
 * @param step where the run stands
 * @param steps those of its checkpoints
 * @param since the step at which it went wrong
 */
export function wayBack(
  folder: string,
  step: number,
  recipe: Recipe,
  steps: readonly number[],
  since: number | undefined,
): string {
  const before = since === undefined ? steps : steps.filter((made) => made < since)
  const target = before.length > 0 ? Math.max(...before) : undefined
  const smaller = rate(recipe.learningRate / 3)
  const trouble = since !== undefined && since < step ? `The trouble began at step ${since}. ` : ''
  return target === undefined
    ? `${trouble}There is no checkpoint from before it: begin anew with a smaller rate (--learning-rate ${smaller}) or a longer --warmup`
    : `${trouble}Go back to step ${target} with a smaller rate: kumiki train --resume ${shellWord(`${folder}@${target}`)} --learning-rate ${smaller}`
}
