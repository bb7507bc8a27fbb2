import { cpus } from 'node:os'

/** The processor as results name it. */
export function processorName(): string {
  const processors = cpus()
  return `${processors[0].model.trim()}, ${processors.length} logical processors`
}
