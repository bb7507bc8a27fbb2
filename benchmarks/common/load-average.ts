import { loadavg } from 'node:os'

/** Processes that wanted a processor in the last minute (0 on Windows): what else the machine was doing. */
export function loadAverage(): number {
  return Number(loadavg()[0].toFixed(2))
}
