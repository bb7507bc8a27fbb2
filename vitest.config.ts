import { availableParallelism } from 'node:os'
import { configDefaults, defineConfig } from 'vitest/config'
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

const deep = Boolean(process.env.KUMIKI_DEEP)
// `npm run test:deep`: long sweeps and fuzzing, which neither `npm test` nor CI runs.
const suffix = deep ? 'deep' : 'test'
/** Packages without devices and threads: their test files share a process, so that each module is loaded and compiled once. */
const plain = ['ablation', 'data', 'optim', 'planner', 'report'].map(
  (name) => `packages/${name}/{src,test}/**/*.${suffix}.ts`,
)

const shared = {
  pool: 'forks' as const,
  testTimeout: deep ? 7_200_000 : 300_000,
  hookTimeout: 300_000,
}

// Tests resolve every workspace package to its TypeScript source (the `source` export condition): no build is needed.
export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  test: {
    globalSetup: ['test/adapter.setup.ts', 'test/temporary-folder.setup.ts'],
    sequence: { sequencer: SlowFirst },
    maxWorkers: Math.max(2, Math.floor(availableParallelism() / 2)), // the cpu backend has threads of its own
    projects: [
      {
        extends: true,
        test: {
          ...shared,
          name: 'devices',
          include: [
            `packages/*/{src,test}/**/*.${suffix}.ts`,
            `test/**/*.${suffix}.ts`,
            ...(deep ? [] : ['examples/*/**/*.test.ts']),
          ],
          exclude: [...configDefaults.exclude, ...plain],
        },
      },
      { extends: true, test: { ...shared, name: 'plain', include: plain, isolate: false } },
    ],
  },
})
