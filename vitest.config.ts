/** Configuration of the tests, and of the deep tests (`KUMIKI_DEEP`). */
import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/**
 * Slow files start first, so that none is still running when the other workers are done. The rest: Vitest's own order.
 */
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

// Tests resolve every workspace package to its TypeScript source (the `source` export condition): no build is needed.
export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  test: {
    setupFiles: ['test/stubs.setup.ts'],
    globalSetup: ['test/adapter.setup.ts', 'test/temporary-folder.setup.ts'],
    sequence: { sequencer: SlowFirst },
    maxWorkers: Math.max(2, Math.floor(availableParallelism() / 2)), // the cpu backend has threads of its own
    pool: 'forks',
    // Test files share the processes, so that modules, kernels and machine code are made once per process; each long
    // run has a process of its own.
    isolate: deep,
    testTimeout: deep ? 7_200_000 : 300_000,
    hookTimeout: 300_000,
    include: [
      `packages/*/{src,test}/**/*.${suffix}.ts`,
      `test/**/*.${suffix}.ts`,
      ...(deep ? [] : ['examples/*/**/*.test.ts']),
    ],
  },
})
