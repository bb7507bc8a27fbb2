/** Recipes fitted to another number of tokens or another batch size. */
import { describe, expect, it } from 'vitest'
import { fitRecipe } from '../src/index.ts'
import { recipe } from './models.ts'

const own = { ...recipe, globalBatchSize: 1024, sequenceLength: 4096 }

describe('fitRecipe', () => {
  it('follows tokens and batch, and says what it changed', () => {
    const half = fitRecipe(own, { tokens: 1e12, globalBatchSize: 512, sequenceLength: 4096 })
    expect(half.recipe).toMatchObject({ trainSteps: 476_838, warmupSteps: 2000, decaySteps: 474_838 })
    expect(half.changes.join(' ')).toMatch(
      /batch is 512 sequences, the recipe's 1,024.*476,838 steps train on the 1,000,000,000,000 tokens at 512 x 4,096 per step; the recipe has 494,120.*ends at 474,838 steps, the recipe's at 492,120/,
    )
    // The same tokens where none are given.
    const same = fitRecipe(own, { globalBatchSize: 512, sequenceLength: 4096 })
    expect(same.recipe.trainSteps).toBe(2 * own.trainSteps)
    expect(same.recipe.decaySteps).toBe(2 * own.trainSteps - 2000)
  })

  it('leaves a recipe alone that fits', () => {
    const length = { globalBatchSize: 1024, sequenceLength: 4096 }
    expect(fitRecipe(own, length)).toEqual({ recipe: own, changes: [] })
    expect(fitRecipe(own, { ...length, tokens: own.trainSteps * 1024 * 4096 }).changes).toEqual([])
  })

  it('keeps the shape of short runs and of WSD', () => {
    const short = fitRecipe(own, { tokens: 1e9, globalBatchSize: 512, sequenceLength: 4096 }).recipe
    expect(short).toMatchObject({ trainSteps: 477, warmupSteps: 47, decaySteps: 430 })
    const stable = { ...own, schedule: 'wsd' as const, decaySteps: own.trainSteps, wsdDecaySteps: 1 }
    const length = { tokens: 1e12, globalBatchSize: 512, sequenceLength: 4096 }
    expect(fitRecipe(stable, length).recipe).toMatchObject({ decaySteps: 476_838, wsdDecaySteps: 1 })
    expect(fitRecipe({ ...stable, wsdDecaySteps: 49_412 }, length).recipe.wsdDecaySteps).toBe(47_684)
    expect(() => fitRecipe(own, { ...length, tokens: -1 })).toThrow(/length.tokens must be/)
  })
})
