/** Times several implementations alternately: A B A B ... */

/** Approximate duration of a measurement, in seconds: as many calls as fit, at least one. */
const turnSeconds = 0.1
const mostCalls = 200

/** Runs `calls` calls; resolves to their duration in seconds. */
export type Timed = (calls: number) => Promise<number>

/** Number of calls in a measurement, found by trial runs, which also warm up compiled code. */
async function callsOf(time: Timed): Promise<number> {
  let calls = 1
  for (let turn = 0; turn < 4; turn++) {
    const perCall = (await time(calls)) / calls
    calls = Math.min(Math.max(Math.round(turnSeconds / perCall), 1), mostCalls)
    if (perCall > 2 * turnSeconds) break
  }
  return calls
}

/** @returns seconds per call of every contestant in every round: `[contestant][round]` */
export async function takeTurns(contestants: readonly Timed[], rounds: number): Promise<number[][]> {
  const calls: number[] = []
  for (const time of contestants) calls.push(await callsOf(time))
  const seconds: number[][] = contestants.map(() => [])
  for (let round = 0; round < rounds; round++)
    for (const [i, time] of contestants.entries()) seconds[i].push((await time(calls[i])) / calls[i])
  return seconds
}
