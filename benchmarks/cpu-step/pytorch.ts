/** PyTorch in a process of its own, which makes one step on each request. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { hyperparameters } from '../train-step/workload.ts'
import { pytorchScript } from './pytorch-script.ts'
import { type StepReport, type StepSpec, tokensOf } from './workload.ts'

export interface PyTorch {
  readonly version: string
  step(): Promise<StepReport>
  stop(): void
}

/** @throws Error if the command ends, for example without PyTorch or Transformers; its own message is on stderr */
export async function startPyTorch(python: string, spec: StepSpec): Promise<PyTorch> {
  const [inputs, targets] = tokensOf(spec).map((ids) => [...ids])
  const argument = JSON.stringify({ ...spec, ...hyperparameters, inputs, targets })
  const child = spawn(python, ['-c', pytorchScript, argument], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const next = async <T>(): Promise<T> => {
    const { value, done } = await lines.next()
    if (done)
      throw new Error(`${python} has ended (see its message above); it needs PyTorch and transformers installed`)
    return JSON.parse(value) as T
  }
  await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject))
  const { version } = await next<{ version: string }>()
  return {
    version,
    step() {
      child.stdin.write('step\n')
      return next<StepReport>()
    },
    stop: () => void child.kill(),
  }
}
