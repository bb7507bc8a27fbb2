/** Logs of Megatron-LM and torchtitan, parsed and compared with a plan. */
import { describe, expect, test } from 'vitest'
import { estimate, type PlanRequest } from '../src/index.ts'
import { calibrate, commandOfLog, compareLog, summarizeLog, TrainingLog, vocabularyOfLog } from '../src/logs.ts'
import { readMegatron } from '../src/read.ts'

/** As megatron/training/training.py writes them. */
const line = (step: number, seconds: number, loss: string, more = '') =>
  ` [2026-03-01 10:00:0${step % 10}] iteration ${String(step).padStart(8)}/   10000 | consumed samples: ${String(step * 1024).padStart(12)} | elapsed time per iteration (ms): ${(seconds * 1000).toFixed(1)} | throughput per GPU (TFLOP/s/GPU): 412.3 | learning rate: 2.000000E-04 | global batch size:  1024 | lm loss: ${loss} | loss scale: 1.0 | grad norm: 0.912 | number of skipped iterations:   ${more || 0} | number of nan iterations:   0 |\n`

const args = (more: Record<string, string> = {}) => {
  const all = {
    add_bias_linear: 'False',
    attention_backend: 'AttnBackend.flash',
    attention_dropout: '0.0',
    bf16: 'True',
    data_path: "['1.0', '/data/ja_text_document']",
    ffn_hidden_size: '13824',
    fp8: 'None',
    global_batch_size: '1024',
    hidden_dropout: '0.0',
    hidden_size: '5120',
    micro_batch_size: '2',
    normalization: 'RMSNorm',
    num_attention_heads: '40',
    num_layers: '40',
    overlap_grad_reduce: 'True',
    overlap_param_gather: 'True',
    padded_vocab_size: '99584',
    pipeline_model_parallel_size: '2',
    position_embedding_type: 'rope',
    seq_length: '4096',
    sequence_parallel: 'True',
    swiglu: 'True',
    tensor_model_parallel_size: '2',
    untie_embeddings_and_output_weights: 'True',
    use_distributed_optimizer: 'True',
    world_size: '256',
    ...more,
  }
  const lines = Object.entries(all).map(([name, value]) => `  ${name} ${'.'.repeat(48 - name.length)} ${value}\n`)
  return `using world size: 256\n------------------------ arguments ------------------------\n${lines.join('')}-------------------- end of arguments ---------------------\n`
}

function logOf(text: string): TrainingLog {
  const log = new TrainingLog()
  log.push(text)
  log.end()
  return log
}

describe('a log of Megatron-LM', () => {
  test('with a figure and its mean, as Primus writes it, has the figure', () => {
    const pair = line(3, 13.1, '2.500000E+00').replace('13100.0', '13100.0/13240.9').replace('412.3', '579.4/573.6')
    expect(logOf(`[rank-7/8][trainer.py:2560] :${pair}`).readings).toEqual([
      expect.objectContaining({ step: 3, seconds: 13.1, teraflopsPerGpu: 579.4, loss: 2.5 }),
    ])
  })

  test('is read in pieces cut anywhere, as it is whole', () => {
    const text = `${args()}${[1, 2, 3].map((s) => line(s, 12.5, '2.500000E+00')).join('')}`
    const whole = logOf(text)
    const cut = new TrainingLog()
    for (let i = 0; i < text.length; i += 7) cut.push(text.slice(i, i + 7))
    cut.end()
    expect(cut).toEqual(whole)
    expect(whole.readings[1]).toEqual({
      step: 2,
      steps: 10000,
      seconds: 12.5,
      loss: 2.5,
      gradNorm: 0.912,
      learningRate: 2e-4,
      teraflopsPerGpu: 412.3,
      globalBatchSize: 1024,
      skipped: 0,
      at: Date.UTC(2026, 2, 1, 10, 0, 2),
    })
  })

  test('may be torn, resumed, and hold numbers that are none', () => {
    const log = logOf(
      `${line(1, 12, '9.1E+00')}${line(2, 12, 'nan', '1')} iteration        3/   10000 | consumed sam\n[rank0]: warning\n${line(9, 12, '3E+00')}${line(2, 12, '8.0E+00')}0: ${line(3, 13, 'inf')}`,
    )
    expect(log.readings.map(({ step, loss }) => [step, loss])).toEqual([
      [1, 9.1],
      [2, 8],
      [3, Number.POSITIVE_INFINITY],
    ])
    log.push('x'.repeat(1 << 17))
    log.rotated()
    log.push(line(4, 12, '2.5'))
    expect(log.readings.at(-1)!.loss).toBe(2.5)
    expect(summarizeLog(new TrainingLog())).toBeUndefined()
  })

  test('has validations, timers and memory', () => {
    const log = logOf(
      `${line(1, 12, '3')} validation loss at iteration 1000 | lm loss value: 2.410000E+00 | lm loss PPL: 1.1E+01 |\n(min, max) time across ranks (ms):\n    forward-backward ...............................: (10000.10, 10500.20)\n    optimizer ......................................: (51.00, 52.00)\n[Rank 0] (after 2 iterations) memory (MB) | allocated: 20000.0 | max allocated: 40000.5 | reserved: 41000.0 | max reserved: 42000.0\n`,
    )
    expect(log.validations).toEqual([{ step: 1000, loss: 2.41 }])
    expect(log.timers).toEqual(
      new Map([
        ['forward-backward', [10500.2]],
        ['optimizer', [52]],
      ]),
    )
    expect(log.memoryBytes).toBe(40000.5 * 2 ** 20)
    log.push(' > padded vocab (size: 99487) with 97 dummy tokens (new size: 99584)\n')
    expect(vocabularyOfLog(log)).toBe(99487)
  })
})

test("torchtitan's lines are read, colours and validations apart", () => {
  const titan = (step: number, at: string) =>
    `[rank0]:[titan] ${at},500 - root - INFO - \u001b[31mstep: ${step}  \u001b[32mloss:  7.1234  \u001b[38;2;180;60;0mgrad_norm:  1.2000  \u001b[36mmemory: 42.50GiB(53.69%)  \u001b[34mtps: 7,231  \u001b[36mtflops: 419.00  \u001b[35mmfu: 42.37%\u001b[39m\n`
  const log = logOf(
    `${titan(10, '2026-03-01 10:00:00')}[titan] x - INFO - validate step: 10  loss:  7.0000  memory: 1.00GiB(1%)  tps: 9,000\n${titan(20, '2026-03-01 10:00:30')}`,
  )
  expect(log.format).toBe('torchtitan')
  expect(log.readings.at(-1)).toMatchObject({
    step: 20,
    loss: 7.1234,
    gradNorm: 1.2,
    seconds: 3,
    tokensPerSecondPerGpu: 7231,
    teraflopsPerGpu: 419,
  })
  expect(log.readings.length).toBe(2)
  expect(log.validations).toEqual([{ step: 10, loss: 7 }])
  expect(log.memoryBytes).toBe(42.5 * 2 ** 30)
})

describe('beside its plan', () => {
  const requestOf = (log: TrainingLog): PlanRequest => {
    const launch = readMegatron(commandOfLog(log), { vocab: vocabularyOfLog(log) })
    return {
      model: launch.model,
      cluster: { gpu: 'H100', nodes: launch.nodes!, gpusPerNode: launch.gpusPerNode! },
      plan: launch.plan,
    }
  }
  const tuned = () => estimate(requestOf(logOf(args())))
  const steps = (seconds: number) =>
    Array.from({ length: 30 }, (_, i) => line(i + 1, i < 2 ? 90 : seconds, '2.5')).join('')

  test('its arguments are the launch', () => {
    const { model, plan, cluster } = requestOf(logOf(args()))
    expect([cluster.nodes, cluster.gpusPerNode]).toEqual([32, 8])
    expect(model).toMatchObject({ layers: 40, hidden: 5120, ffn: 13824, biases: 'none', norm: 'rms', vocab: 99584 })
    expect(plan).toMatchObject({ tensorParallel: 2, pipelineParallel: 2, attentionBackend: 'flash', overlap: true })
    expect(() => commandOfLog(logOf(line(1, 1, '1')))).toThrow(/no list of arguments.*--megatron FILE/)
  })

  test('a run that goes as planned is said to; a slower one names the assumption', () => {
    const { stepSeconds } = tuned()
    const as = logOf(args() + steps(stepSeconds))
    expect(compareLog(as, requestOf(as)).verdict).toEqual([expect.stringMatching(/within 6 % of the estimate$/)])
    const slow = logOf(args() + steps(1.25 * stepSeconds))
    const { verdict, comparisons } = compareLog(slow, requestOf(slow))
    expect(comparisons[0].measured / comparisons[0].predicted).toBeCloseTo(1.25, 3)
    expect(verdict.join('; ')).toMatch(
      /25 % longer than the estimate.*matrix products at 72 % of the peak; 5\d % would explain/,
    )
  })

  test('timers name the part, memory and batch are told', () => {
    const { stepSeconds, time, memoryBytes } = tuned()
    const timers = `    forward-backward ....: (1.0, ${(1000 * (stepSeconds - time.optimizer - time.dataParallel)).toFixed(2)})\n    optimizer ..........: (1.0, ${(1000 * (time.optimizer + 3)).toFixed(2)})\n`
    const memory = `memory (MB) | allocated: 1 | max allocated: ${(1.3 * memoryBytes) / 2 ** 20} | reserved: 1\n`
    const log = logOf(args() + steps(stepSeconds + 3) + timers + memory)
    const { verdict } = compareLog(log, requestOf(log))
    expect(verdict).toContainEqual(expect.stringMatching(/most of it: optimizer, slower by 3\.\d\d s/))
    expect(verdict).toContainEqual(expect.stringMatching(/memory is 30 % more than planned/))
    const other = logOf(args({ global_batch_size: '512' }) + steps(stepSeconds))
    expect(compareLog(other, requestOf(other)).verdict[0]).toMatch(/1024 sequences but the plan 512/)
  })

  test('a calibration explains the log, and says where it cannot', () => {
    const request = requestOf(logOf(args()))
    const { stepSeconds } = tuned()
    const fitted = calibrate([{ request, seconds: 1.3 * stepSeconds }])
    const efficiency = fitted.efficiency
    const again = estimate({ ...request, cluster: { ...request.cluster, efficiency } })
    expect(again.stepSeconds / stepSeconds).toBeCloseTo(1.3, 6)
    expect(fitted).toMatchObject({ reached: true, before: 0.722 })
    expect(fitted.after).toBeLessThan(0.722)
    const two = calibrate([1.2, 1.5].map((slow) => ({ request, seconds: slow * stepSeconds })))
    expect(two.ratios[0] * two.ratios[1]).toBeCloseTo(1, 6)
    expect(calibrate([{ request, seconds: stepSeconds / 100 }]).reached).toBe(false)
    expect(() => calibrate([])).toThrow(/at least one run/)
    expect(() => calibrate([{ request, seconds: 0 }])).toThrow(/seconds must be above 0/)
  })
})
