/**
 * Parses training logs of Megatron-LM and torchtitan incrementally.
 * @see megatron/training/training.py (training_log), megatron/core/timers.py, torchtitan/components/metrics.py
 */

/** The metrics of one log line. Missing ones are undefined. */
export interface LogReading {
  readonly step: number
  /** Total steps. */
  readonly steps?: number
  /** Nats per token; NaN if logged as such. */
  readonly loss?: number
  readonly gradNorm?: number
  readonly learningRate?: number
  /** Seconds per step, averaged since the previous line. */
  readonly seconds?: number
  /** As logged, by the program's own FLOP count. */
  readonly teraflopsPerGpu?: number
  readonly tokensPerSecondPerGpu?: number
  /** Sequences in a step. */
  readonly globalBatchSize?: number
  readonly skipped?: number
  /** Milliseconds since 1970 by the cluster's clock, in an unknown time zone. */
  readonly at?: number
}

/** Longer lines are ignored. */
const maxLine = 1 << 16
/** Limit of distinct timers and arguments, because logs are untrusted. */
const maxNames = 4096

/** Accepts text in arbitrary chunks. Malformed lines are ignored. */
export class TrainingLog {
  /** In the order of steps. If a run went back, repeated steps replace earlier readings. */
  readonly readings: LogReading[] = []
  readonly validations: { readonly step: number; readonly loss: number }[] = []
  /** Milliseconds of each logged timer (`--timing-log-level`), on the slowest rank. */
  readonly timers = new Map<string, number[]>()
  /** Arguments that Megatron-LM lists at the start. */
  readonly arguments = new Map<string, string>()
  /** Peak memory in bytes that a GPU allocated (Megatron-LM) or reserved (torchtitan). */
  memoryBytes: number | undefined
  format: 'megatron' | 'torchtitan' | undefined
  private rest = ''

  push(text: string): void {
    const lines = (this.rest + text).split('\n')
    this.rest = lines.pop()!
    if (this.rest.length > maxLine) this.rest = ''
    for (const line of lines) if (line.length <= maxLine) this.line(line)
  }

  /** Ends the log; its last line may have no line break. */
  end(): void {
    this.line(this.rest)
    this.rest = ''
  }

  /** The file was replaced (log rotation): drops the old file's incomplete last line. */
  rotated(): void {
    this.rest = ''
  }

  private line(raw: string): void {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: terminal colour codes
    const line = raw.replace(/\u001b\[[0-9;]*m/g, '').replace(/\r$/, '')
    const megatron = /\biteration\s+(\d{1,15})\s*\/\s*(\d{1,15})\s*\|(.*)\|/.exec(line)
    if (megatron) {
      this.megatron(line, megatron)
      return
    }
    const titan =
      /(?<!validate )\bstep:\s*(\d{1,15})\s+loss:\s*(\S+)(?:\s+grad_norm:\s*(\S+))?(?:\s+memory:\s*([\d.]+)GiB)?.*?\btps:\s*([\d,]+)(?:\s+tflops:\s*([\d,.]+))?/.exec(
        line,
      )
    if (titan) {
      this.torchtitan(line, titan)
      return
    }
    const validation =
      /validation loss at iteration (\d{1,15}).*?\|\s*lm loss value:\s*(\S+)/.exec(line) ??
      /validate step:\s*(\d{1,15})\s+loss:\s*(\S+)/.exec(line)
    if (validation) {
      this.validations.push({ step: Number(validation[1]), loss: number(validation[2]) ?? Number.NaN })
      return
    }
    const timer = /^\s*(?:\S+:\s*)?([\w/-]+) \.{2,}: (?:\(([\d.]+), ([\d.]+)\)|([\d.]+))\s*$/.exec(line)
    if (timer) {
      this.timer(timer[1], Number(timer[3] ?? timer[4]))
      return
    }
    const argument = /^\s*(?:\S+:\s*)?([a-z]\w*) \.{3,} (.*?)\s*$/.exec(line)
    if (argument) {
      if (this.arguments.size < maxNames) this.arguments.set(argument[1], argument[2])
      return
    }
    const vocab = /padded vocab \(size: (\d{1,9})\)/.exec(line)
    if (vocab) this.arguments.set('vocab_size', vocab[1])
    const memory = /memory \(MB\).*?\| max allocated: ([\d.]+)/.exec(line)
    if (memory) this.memory(Number(memory[1]) * 2 ** 20)
  }

  private megatron(line: string, [, step, steps, rest]: RegExpExecArray): void {
    const parts = new Map<string, string>()
    for (const part of rest.split('|')) {
      const colon = part.lastIndexOf(':')
      if (colon > 0) parts.set(part.slice(0, colon).trim(), part.slice(colon + 1).trim())
    }
    // Primus logs the value and its mean: 13100.0/13240.9.
    const part = (...names: string[]) =>
      number(names.map((name) => parts.get(name)?.split('/')[0]).find((text) => text !== undefined))
    const milliseconds = part('elapsed time per iteration (ms)')
    // A malformed line without a time is ignored.
    if (milliseconds === undefined) return
    this.format = 'megatron'
    this.add({
      step: Number(step),
      steps: Number(steps),
      seconds: milliseconds / 1000,
      loss: part('lm loss', 'loss', 'mtp_1 loss'),
      gradNorm: part('grad norm'),
      learningRate: part('learning rate'),
      teraflopsPerGpu: part('throughput per GPU (TFLOP/s/GPU)', 'flop throughput (TFLOP/sec/GPU)'),
      globalBatchSize: part('global batch size'),
      skipped: part('number of skipped iterations'),
      at: timeOf(line),
    })
  }

  private torchtitan(line: string, [, step, loss, gradNorm, memory, tps, tflops]: RegExpExecArray): void {
    this.format = 'torchtitan'
    const at = timeOf(line)
    const before = this.readings.at(-1)
    const made = Number(step) - (before?.step ?? 0)
    const seconds =
      at !== undefined && before?.at !== undefined && made > 0 && at > before.at
        ? (at - before.at) / 1000 / made
        : undefined
    if (memory !== undefined) this.memory(Number(memory) * 2 ** 30)
    this.add({
      step: Number(step),
      loss: number(loss),
      gradNorm: number(gradNorm),
      tokensPerSecondPerGpu: number(tps.replaceAll(',', '')),
      teraflopsPerGpu: number(tflops?.replaceAll(',', '')),
      seconds,
      at,
    })
  }

  private add(reading: LogReading): void {
    const { readings } = this
    while (readings.length > 0 && readings[readings.length - 1].step >= reading.step) readings.pop()
    readings.push(reading)
  }

  private timer(name: string, milliseconds: number): void {
    if (!Number.isFinite(milliseconds)) return
    const found = this.timers.get(name)
    if (found) found.push(milliseconds)
    else if (this.timers.size < maxNames) this.timers.set(name, [milliseconds])
  }

  private memory(bytes: number): void {
    if (Number.isFinite(bytes)) this.memoryBytes = Math.max(this.memoryBytes ?? 0, bytes)
  }
}

/** Parses a number in Python's notation: `2.5E+00`, `nan`, `inf`. Undefined for anything else. */
function number(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^[-+]?nan$/i.test(text)) return Number.NaN
  if (/^[-+]?inf(inity)?$/i.test(text))
    return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : undefined
}

function timeOf(line: string): number | undefined {
  const found = /(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:[.,](\d{1,6}))?/.exec(line)
  if (!found) return undefined
  const at = Date.parse(`${found[1]}T${found[2]}Z`) + Number(`0.${found[3] ?? 0}`) * 1000
  return Number.isFinite(at) ? at : undefined
}
