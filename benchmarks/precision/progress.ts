/** Progress on stderr: one line that is rewritten on a terminal, otherwise a line every 15 seconds. */
const secondsBetween = { terminal: 0.2, file: 15 }

const minutes = (seconds: number) =>
  seconds < 100
    ? `${Math.round(seconds)} s`
    : seconds < 6000
      ? `${Math.round(seconds / 60)} min`
      : `${(seconds / 3600).toFixed(1)} h`

export class Progress {
  private readonly terminal = process.stderr.isTTY === true
  private label = ''
  private steps = 0
  private began = 0
  private shown = 0

  /** @param label beginning of every line */
  begin(label: string, steps: number): void {
    this.label = label
    this.steps = steps
    this.began = this.shown = performance.now()
  }

  step(step: number, loss: number): void {
    const now = performance.now()
    if (now - this.shown < 1000 * (this.terminal ? secondsBetween.terminal : secondsBetween.file)) return
    this.shown = now
    const seconds = (now - this.began) / 1000
    const left = (seconds / step) * (this.steps - step)
    this.write(`step ${step} of ${this.steps}, loss ${loss.toFixed(4)}, ${minutes(left)} left`, !this.terminal)
  }

  end(text: string): void {
    this.write(`${text}, ${minutes((performance.now() - this.began) / 1000)}`, true)
  }

  private write(text: string, newLine: boolean): void {
    process.stderr.write(`${this.terminal ? '\r\x1b[K' : ''}${this.label}: ${text}${newLine ? '\n' : ''}`)
  }
}
