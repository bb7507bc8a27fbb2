import { vi } from 'vitest'

// Test files share processes (`isolate: false`). After each file Vitest itself restores what was spied on, but not
// stubbed globals, environment variables and timers: that is done here, before the next file. `unstubGlobals` and
// `unstubEnvs` would do it before each test, too often for what is stubbed once for all tests of a file.
vi.unstubAllGlobals()
vi.unstubAllEnvs()
vi.useRealTimers()
