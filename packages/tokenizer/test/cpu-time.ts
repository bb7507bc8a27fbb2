/** CPU time for limits in tests: other processes on the machine do not add to it. */

/** Milliseconds of CPU time that this process has used, in all its threads. */
export function cpuTime(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
