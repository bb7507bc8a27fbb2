/** The worker thread that writes checkpoints: receives a snapshot, replies with the path or the error. Node only. */
import { parentPort } from 'node:worker_threads'
import { DiskError } from '../disk-error.ts'
import type { SaveReply, SaveRequest } from './background-save.ts'
import { saveCheckpoint } from './save.ts'

parentPort!.on('message', async ({ runFolder, snapshot, options }: SaveRequest) => {
  let reply: SaveReply
  try {
    reply = { path: await saveCheckpoint(runFolder, snapshot, options) }
  } catch (error) {
    const { message } = error as Error
    const disk = error instanceof DiskError ? { problem: error.problem, remedy: error.remedy } : undefined
    reply = { error: { message, ...(disk && { disk }) } }
  }
  parentPort!.postMessage(reply)
})
