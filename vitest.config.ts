import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Slow files first, so that no worker is left with one at the end. The rest in Vitest's own order. */
const slowFirst = [
  'test/packed.test.ts',
  'packages/train/',
  'packages/kumiki/',
  'packages/tensor/test/conformance.test.ts',
  'packages/tokenizer/test/golden.test.ts',
]

class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = (file: TestSpecification) => {
      const index = slowFirst.findIndex((part) => file.moduleId.includes(`/${part}`))
      return index < 0 ? slowFirst.length : index
    }
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b))
  }
}

// Tests resolve every workspace package to its TypeScript source (the `source` export condition): no build is needed.
export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  test: {
    // `npm run test:deep`: long sweeps and fuzzing, which neither `npm test` nor CI runs.
    include: process.env.KUMIKI_DEEP
      ? ['packages/*/{src,test}/**/*.deep.ts', 'test/**/*.deep.ts']
      : ['packages/*/{src,test}/**/*.test.ts', 'examples/*/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: ['test/adapter.setup.ts', 'test/temporary-folder.setup.ts'],
    sequence: { sequencer: SlowFirst },
    pool: 'forks',
    testTimeout: process.env.KUMIKI_DEEP ? 7_200_000 : 300_000,
    hookTimeout: 300_000,
    maxWorkers: Math.max(2, Math.floor(availableParallelism() / 2)), // the cpu backend has threads of its own
  },
})
