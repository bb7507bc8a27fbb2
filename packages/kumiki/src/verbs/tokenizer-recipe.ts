/** Reads and validates the recipe of staged training (`kumiki tokenizer train --recipe FILE`). */
import { dirname, resolve } from 'node:path'
import type { StagedOptions, VocabularyStage } from '@kumiki/tokenizer/train'
import { readBytes, readJson } from '../files/files.ts'
import { meantOrKnown } from '../flags/nearest.ts'
import { UsageError } from '../usage-error.ts'

type Recipe<Lines> = Pick<StagedOptions<Lines>, 'fixedPieces' | 'stages' | 'estimateLines' | 'estimate'>

const longestPattern = 1000

/**
 * Reads a recipe: `{ fixedPieces?, stages: [{ name, data?, size?, keep?, add?, head? }],
 *    estimate: { data, iterations?, countVocabulary? } }`.
 * Paths are relative to the recipe's folder. `data` lists text files; `fixedPieces` and `add` are arrays of pieces, or
 * a file with one per line; `keep` is a regular expression (flag u).
 * @param linesOf reads the lines of files or folders
 * @throws UsageError naming the file and the field
 */
export async function readTokenizerRecipe<Lines>(
  path: string,
  linesOf: (data: string[]) => Promise<Lines>,
): Promise<Recipe<Lines>> {
  const fail = (what: string): never => {
    throw new UsageError(`--recipe ${path}: ${what}`)
  }
  const folder = dirname(path)
  const record = (value: unknown, where: string, known: string[]): Record<string, unknown> => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return fail(`${where} must be an object`)
    for (const key of Object.keys(value)) {
      if (!known.includes(key))
        fail(`${where} has an unknown field ${JSON.stringify(key)}; ${meantOrKnown(key, known)}`)
    }
    return value as Record<string, unknown>
  }
  const strings = (value: unknown, where: string): string[] =>
    Array.isArray(value) && value.every((item) => typeof item === 'string')
      ? value
      : fail(`${where} must be an array of strings`)
  const whole = (value: unknown, where: string): number | undefined =>
    value === undefined || (Number.isInteger(value) && (value as number) >= 1)
      ? (value as number | undefined)
      : fail(`${where} must be an integer of at least 1, got ${JSON.stringify(value)}`)
  const pieces = async (value: unknown, where: string): Promise<string[] | undefined> => {
    if (value === undefined) return undefined
    if (typeof value !== 'string') return strings(value, where)
    const text = new TextDecoder().decode(await readBytes(resolve(folder, value)))
    return text.split(/\r?\n/).filter((line) => line !== '')
  }
  const lines = (value: unknown, where: string): Promise<Lines> =>
    linesOf(strings(value, where).map((file) => resolve(folder, file)))
  const pattern = (value: unknown, where: string): ((piece: string) => boolean) | undefined => {
    if (value === undefined) return undefined
    if (typeof value !== 'string' || value.length > longestPattern) {
      return fail(`${where} must be a regular expression of at most ${longestPattern} characters`)
    }
    try {
      const expression = new RegExp(value, 'u')
      return (piece) => expression.test(piece)
    } catch (error) {
      return fail(`${where} is not a regular expression (${(error as Error).message})`)
    }
  }

  const recipe = record(await readJson(path), 'the recipe', ['fixedPieces', 'stages', 'estimate'])
  if (!Array.isArray(recipe.stages)) return fail('stages must be an array')
  const stages: VocabularyStage<Lines>[] = []
  for (const [k, value] of recipe.stages.entries()) {
    const where = `stages[${k}]`
    const stage = record(value, where, ['name', 'data', 'size', 'keep', 'add', 'head'])
    stages.push({
      name: typeof stage.name === 'string' ? stage.name : fail(`${where}.name must be a string`),
      lines: stage.data === undefined ? undefined : await lines(stage.data, `${where}.data`),
      size: whole(stage.size, `${where}.size`),
      keep: pattern(stage.keep, `${where}.keep`),
      add: await pieces(stage.add, `${where}.add`),
      head: whole(stage.head, `${where}.head`),
    })
  }
  const estimate = record(recipe.estimate, 'estimate', ['data', 'iterations', 'countVocabulary'])
  if (estimate.countVocabulary !== undefined && typeof estimate.countVocabulary !== 'boolean') {
    fail('estimate.countVocabulary must be true or false')
  }
  return {
    fixedPieces: await pieces(recipe.fixedPieces, 'fixedPieces'),
    stages,
    estimateLines: await lines(estimate.data, 'estimate.data'),
    estimate: {
      ...(estimate.iterations !== undefined && { iterations: whole(estimate.iterations, 'estimate.iterations') }),
      ...(estimate.countVocabulary !== undefined && { countVocabulary: estimate.countVocabulary as boolean }),
    },
  }
}
