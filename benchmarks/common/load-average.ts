/** Load average of this machine. */
import { loadavg } from 'node:os'

/** Load average of the last minute (0 on Windows), which shows whether other processes used the machine. */
export function loadAverage(): number {
  return Number(loadavg()[0].toFixed(2))
}
