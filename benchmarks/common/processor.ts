/** Name of this machine's processor. */
import { cpus } from 'node:os'

/** Name and number of logical processors of the CPU, for records of results. */
export function processorName(): string {
  const processors = cpus()
  return `${processors[0].model.trim()}, ${processors.length} logical processors`
}
