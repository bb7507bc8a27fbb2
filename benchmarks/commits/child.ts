/** The process of one checkout: prepares a case by its index, then runs it on request. Started by `../commits.ts`. */
import { cases, openCheckout, type Prepared } from './cases.ts'

const { root, backend, threads, clock } = JSON.parse(process.argv[2]) as {
  root: string
  backend: 'cpu' | 'webgpu'
  threads: number
  clock: 'wall' | 'cpu'
}
const checkout = openCheckout(root, backend, threads)
let prepared: Prepared | undefined

process.on('message', async (request: { case?: number; calls?: number }) => {
  try {
    if (request.case !== undefined) {
      prepared?.dispose()
      prepared = undefined
      prepared = await cases[request.case].prepare(checkout)
      process.send!({ ok: true })
    } else {
      const before = process.cpuUsage()
      const milliseconds = await prepared!.time(request.calls!)
      const { user, system } = process.cpuUsage(before)
      process.send!({ milliseconds: clock === 'cpu' ? (user + system) / 1000 : milliseconds })
    }
  } catch (error) {
    process.send!({ failed: error instanceof Error ? error.message.split('\n')[0] : String(error) })
  }
})
process.send!({ ready: true })
