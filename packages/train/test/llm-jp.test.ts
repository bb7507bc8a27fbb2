/** LLM-jp's recipes as JSON for @kumiki/optim; each schedule is compared with Megatron-LM's scheduler. */
import { readFileSync } from 'node:fs'
import { listModels } from '@kumiki/models/configs'
import { optimizerFromJSON, scheduleFromJSON } from '@kumiki/optim'
import { expect, test } from 'vitest'

const vectors: { source: string; schedule: object; points: [number, number][] }[] = JSON.parse(
  readFileSync(new URL('../../optim/vectors/schedules.json', import.meta.url), 'utf8'),
)
const sorted = (value: any): any =>
  typeof value === 'object' && value !== null
    ? Object.fromEntries(
        Object.keys(value)
          .sort()
          .map((key) => [key, sorted(value[key])]),
      )
    : value
const text = (schedule: object) => JSON.stringify(sorted(schedule))
const ofMegatron = new Map(
  vectors
    .filter(({ source }) => source.startsWith('Megatron-LM'))
    .map(({ schedule, points }) => [text(schedule), points]),
)

test('every schedule is held against Megatron-LM', () => {
  let points = 0
  for (const { name, recipe, branches } of listModels()) {
    const schedules = [...(recipe ? [recipe.schedule] : []), ...branches.map(({ schedule }) => schedule)]
    for (const schedule of schedules) {
      // Branches with instruction data decay as their own run does; the shape is that of mid-training.
      if (schedule.kind === 'wsd' && schedule.steps === 200_000) continue
      const wanted = ofMegatron.get(text(schedule))
      expect(wanted, `${name}: ${text(schedule)}`).toBeDefined()
      const rate = scheduleFromJSON(schedule)
      for (const [step, value] of wanted!) expect(Math.abs(rate(step) - value)).toBeLessThanOrEqual(1e-15)
      points += wanted!.length
    }
  }
  expect(points).toBeGreaterThan(4000)
})

test('every optimizer is AdamW with the epsilon of its recipe', () => {
  for (const { name, recipe } of listModels()) {
    if (!recipe) continue
    const { name: kind, epsilon } = optimizerFromJSON(recipe.optimizer)
    expect([kind, epsilon], name).toEqual(['adamw', name.endsWith('failed') ? 1e-5 : 1e-8])
  }
})
