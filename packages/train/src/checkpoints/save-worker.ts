/** The thread that writes checkpoints: takes a save, answers with its path or its error. Node only. */
import { parentPort } from 'node:worker_threads'
import type { SaveReply, SaveRequest } from './background-save.ts'
import { saveCheckpoint } from './save.ts'

parentPort!.on('message', async ({ runFolder, snapshot, options }: SaveRequest) => {
  let reply: SaveReply
  try {
    reply = { path: await saveCheckpoint(runFolder, snapshot, options) }
  } catch (error) {
    reply = { error: (error as Error).message }
  }
  parentPort!.postMessage(reply)
})
