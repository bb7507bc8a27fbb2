/** Rounds of A B A B ... */

/** How long a turn lasts, about: as many calls as fit, at least one. */
const turnSeconds = 0.1
const mostCalls = 200

/** @param time runs so many calls and tells their seconds */
export type Timed = (calls: number) => Promise<number>

/** Calls for one turn, found by running: compiled code gets its warm-up here. */
async function callsOf(time: Timed): Promise<number> {
  let calls = 1
  for (let turn = 0; turn < 4; turn++) {
    const perCall = (await time(calls)) / calls
    calls = Math.min(Math.max(Math.round(turnSeconds / perCall), 1), mostCalls)
    if (perCall > 2 * turnSeconds) break
  }
  return calls
}

/** Seconds a call of every contestant in every round: `[contestant][round]`. */
export async function takeTurns(contestants: readonly Timed[], rounds: number): Promise<number[][]> {
  const calls: number[] = []
  for (const time of contestants) calls.push(await callsOf(time))
  const seconds: number[][] = contestants.map(() => [])
  for (let round = 0; round < rounds; round++)
    for (const [i, time] of contestants.entries()) seconds[i].push((await time(calls[i])) / calls[i])
  return seconds
}
