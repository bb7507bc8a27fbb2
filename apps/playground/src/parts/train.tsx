// Training in the page: settings, a curve that grows, earlier runs beside it, and what the model writes.
import { lineChart } from '@kumiki/report'
import { useEffect, useRef, useState } from 'preact/hooks'
import { Choice, Fields, Picture, TextField } from '../fields.tsx'
import type { PartProps } from '../part.ts'
import { numberFrom, type Values } from '../state.ts'
import type { FromWorker, ToWorker, TrainingSettings } from '../train/messages.ts'

interface Curve {
  readonly label: string
  readonly points: [number, number][]
  heldOut?: number
}

const policies = ['f32', 'bf16', 'bf16-pure', 'fp8-hybrid', 'fp8-current', 'fp8-block', 'mxfp8']
const schedules = ['wsd', 'cosine', 'constant'] as const

const settingsOf = (values: Values): TrainingSettings => ({
  device: values.device === 'cpu' || values.device === 'webgpu' ? values.device : 'auto',
  schedule: schedules.find((name) => name === values.schedule) ?? 'wsd',
  rate: numberFrom(values.rate, 3e-3, 1e-8, 1),
  epsilon: numberFrom(values.epsilon, 1e-8, 1e-12, 1),
  precision: policies.includes(values.precision) ? values.precision : 'f32',
  steps: Math.round(numberFrom(values.steps, 200, 2, 5000)),
})

export function Part({ say, language, values, change }: PartProps) {
  const [running, setRunning] = useState(false)
  const [status, setStatus] = useState<string>()
  const [curves, setCurves] = useState<readonly Curve[]>([])
  const [, redraw] = useState(0)
  const [text, setText] = useState<string>()
  const worker = useRef<Worker>()
  const device = useRef('')
  const drawn = useRef(0)
  useEffect(() => () => worker.current?.terminate(), [])

  const hear = (message: FromWorker, curve: Curve) => {
    if (message.kind === 'device') device.current = message.name
    else if (message.kind === 'step') {
      curve.points.push([message.step, message.loss])
      if (performance.now() - drawn.current > 250) {
        drawn.current = performance.now()
        setStatus(
          `${say('step')} ${message.step}, ${say('loss')} ${message.loss.toFixed(3)}, ${Math.round(message.tokensPerSecond)} ${say('tokens')}/s, ${device.current}`,
        )
        redraw((n) => n + 1)
      }
    } else if (message.kind === 'trained') {
      setRunning(false)
      setStatus(
        `${say(message.stopped ? 'stopped' : 'done')}: ${say('loss')} ${message.heldOut.toFixed(3)} ${say('heldOutUnit')}, ${device.current}`,
      )
    } else if (message.kind === 'failed') {
      setRunning(false)
      setStatus(message.message)
    } else if (message.kind === 'text') setText((before) => (before ?? '') + message.piece)
  }
  const ask = (message: ToWorker, curve?: Curve) => {
    worker.current ??= new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
    if (curve) worker.current.onmessage = ({ data }: MessageEvent<FromWorker>) => hear(data, curve)
    worker.current.onerror = (event) =>
      hear({ kind: 'failed', message: event.message }, curve ?? { label: '', points: [] })
    worker.current.postMessage(message)
  }
  const start = () => {
    const settings = settingsOf(values)
    const curve: Curve = {
      label: `${settings.schedule}, ${settings.rate}, ε ${settings.epsilon}, ${settings.precision}`,
      points: [],
    }
    setCurves((before) => [...before.slice(-5), curve])
    setText(undefined)
    setRunning(true)
    setStatus(say('preparing'))
    ask({ kind: 'train', settings }, curve)
  }
  const write = () => {
    setText(values.prompt)
    ask({ kind: 'generate', prompt: values.prompt, temperature: numberFrom(values.temperature, 0.8, 0, 5), tokens: 60 })
  }
  const shown = curves.filter(({ points }) => points.length > 1)
  return (
    <>
      <p>{say('trainLead')}</p>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          if (running) ask({ kind: 'stop' })
          else start()
        }}
      >
        <Fields>
          <Choice
            label={say('device')}
            value={values.device}
            onChange={(device) => change({ device })}
            options={[
              ['auto', 'auto'],
              ['webgpu', 'WebGPU'],
              ['cpu', 'WebAssembly'],
            ]}
          />
          <Choice
            label={say('schedule')}
            value={values.schedule}
            onChange={(schedule) => change({ schedule })}
            options={schedules.map((name) => [name, name] as const)}
          />
          <TextField label={say('rate')} value={values.rate} onChange={(rate) => change({ rate })} />
          <TextField label={say('epsilon')} value={values.epsilon} onChange={(epsilon) => change({ epsilon })} />
          <Choice
            label={say('precision')}
            value={values.precision}
            onChange={(precision) => change({ precision })}
            options={policies.map((name) => [name, name] as const)}
          />
          <TextField
            label={say('steps')}
            type="number"
            min={2}
            max={5000}
            value={values.steps}
            onChange={(steps) => change({ steps })}
          />
        </Fields>
        <p class="buttons">
          <button type="submit">{say(running ? 'stop' : 'start')}</button>
          {curves.length > 0 && !running && (
            <button type="button" onClick={() => setCurves([])}>
              {say('clear')}
            </button>
          )}
        </p>
      </form>
      <p role="status" class="status">
        {status ?? say('idle')}
      </p>
      {shown.length > 0 && (
        <Picture
          svg={lineChart(
            {
              title: say('loss'),
              xLabel: say('step'),
              yLabel: say('lossUnit'),
              lines: shown.map(({ label, points }) => ({ label, points })),
            },
            { language },
          )}
        />
      )}
      {shown.length > 0 && !running && (
        <>
          <Fields>
            <TextField label={say('prompt')} value={values.prompt} onChange={(prompt) => change({ prompt })} />
            <TextField
              label={say('temperature')}
              value={values.temperature}
              onChange={(temperature) => change({ temperature })}
            />
          </Fields>
          <p class="buttons">
            <button type="button" onClick={write}>
              {say('generate')}
            </button>
          </p>
          {text !== undefined && (
            <blockquote aria-live="polite" class="written">
              {text}
            </blockquote>
          )}
        </>
      )}
    </>
  )
}
