/**
 * Training logs of Megatron-LM and torchtitan, read line by line as they grow.
 * @see megatron/training/training.py (training_log), megatron/core/timers.py, torchtitan/components/metrics.py
 */

/** One line of figures. What a log does not say is undefined. */
export interface LogReading {
  readonly step: number
  /** Steps in all. */
  readonly steps?: number
  /** Nats per token; NaN where the log says so. */
  readonly loss?: number
  readonly gradNorm?: number
  readonly learningRate?: number
  /** Of a step, mean since the line before. */
  readonly seconds?: number
  /** As the log counts them. */
  readonly teraflopsPerGpu?: number
  readonly tokensPerSecondPerGpu?: number
  /** Sequences in a step. */
  readonly globalBatchSize?: number
  readonly skipped?: number
  /** Milliseconds since 1970, by the clock of the cluster in no known time zone. */
  readonly at?: number
}

/** Lines longer than this are none of ours. */
const maxLine = 1 << 16
/** Names of timers and arguments at most: a log is not trusted. */
const maxNames = 4096

/** Takes text in pieces cut anywhere. A line that is cut or torn is passed over. */
export class TrainingLog {
  /** In the order of steps: where a run went back, what it made again replaces what was there. */
  readonly readings: LogReading[] = []
  readonly validations: { readonly step: number; readonly loss: number }[] = []
  /** Milliseconds of each timer that the log shows (`--timing-log-level`), on the slowest rank. */
  readonly timers = new Map<string, number[]>()
  /** What Megatron-LM says of its arguments at the start. */
  readonly arguments = new Map<string, string>()
  /** The most that a GPU has allocated (Megatron-LM) or reserved (torchtitan), in bytes. */
  memoryBytes: number | undefined
  format: 'megatron' | 'torchtitan' | undefined
  private rest = ''

  push(text: string): void {
    const lines = (this.rest + text).split('\n')
    this.rest = lines.pop()!
    if (this.rest.length > maxLine) this.rest = ''
    for (const line of lines) if (line.length <= maxLine) this.line(line)
  }

  /** The end of a file that is not followed: its last line may have no line break. */
  end(): void {
    this.line(this.rest)
    this.rest = ''
  }

  /** Another file took this one's place: half a line of the old one is no beginning of the new one. */
  rotated(): void {
    this.rest = ''
  }

  private line(raw: string): void {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours of a terminal
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
    // Primus writes the figure and its mean: 13100.0/13240.9.
    const part = (...names: string[]) =>
      number(names.map((name) => parts.get(name)?.split('/')[0]).find((text) => text !== undefined))
    const milliseconds = part('elapsed time per iteration (ms)')
    // A line that was torn says no time.
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

/** As Python writes numbers: `2.5E+00`, `nan`, `inf`. Undefined for anything else. */
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
