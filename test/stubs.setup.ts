/**
 * Test files share processes (`isolate: false`). After each file Vitest itself restores spies, but not stubbed globals,
 * environment variables and timers: that is done here, before the next file. `unstubGlobals` and `unstubEnvs` would do
 * it before each test, too often for what is stubbed once for all tests of a file.
 */
import { vi } from 'vitest'

vi.unstubAllGlobals()
vi.unstubAllEnvs()
vi.useRealTimers()
