// A model on a cluster: the plans that fit, and for the selected one the memory by stage and the pipeline timeline.
import { listModels } from '@kumiki/models/configs'
import {
  type Candidate,
  findGpu,
  fromArchitecture,
  gpus,
  type PlanResult,
  plan,
  planLabel,
  simulate,
} from '@kumiki/planner'
import { barsChart, timelineChart } from '@kumiki/report'
import { useMemo } from 'preact/hooks'
import { Choice, Fields, Picture, Scroll, TextField } from '../fields.tsx'
import type { PartProps } from '../part.ts'
import { numberFrom, type Values } from '../state.ts'
import { riskIn } from './risks.ts'

const models = listModels()
const gpuNames = Object.keys(gpus)

/** Full name of a GPU given by its full or short name; an unknown name, as from an edited link, becomes the H100. */
function gpuNamed(name: string): string {
  try {
    return findGpu(name).name
  } catch {
    return findGpu('H100').name
  }
}

const memoryParts = ['weights', 'gradients', 'optimizer', 'activations', 'logits', 'buffers'] as const

function search(values: Values) {
  const model = models.find(({ name }) => name === values.model) ?? models.find(({ name }) => name === 'llm-jp-3-13b')!
  return {
    model: fromArchitecture(model.architecture, model.name),
    cluster: {
      gpu: gpuNamed(values.gpu),
      nodes: Math.round(numberFrom(values.nodes, 16, 1, 512)),
      gpusPerNode: Math.round(numberFrom(values.perNode, 8, 1, 16)),
    },
    recipe: {
      globalBatchSize: Math.round(numberFrom(values.batch, 1024, 1, 100_000)),
      sequenceLength: Math.round(numberFrom(values.length, 4096, 128, 131_072)),
    },
    limit: 8,
  }
}

/** Memory of each stage, and the timeline of one step where it can be simulated. */
function Details({
  request,
  candidate,
  say,
  language,
}: {
  request: ReturnType<typeof search>
  candidate: Candidate
} & Pick<PartProps, 'say' | 'language'>) {
  const { memoryByStage, plan: resolved } = candidate.estimate
  const memory = (width: number) =>
    barsChart(
      {
        title: say('memoryTitle'),
        parts: memoryParts.map(say),
        bars: memoryByStage.map((stage) => ({
          label: String(stage.stage),
          values: memoryParts.map((part) => stage[part] / 1e9),
        })),
        limits: [{ value: findGpu(request.cluster.gpu).memoryBytes / 1e9, label: request.cluster.gpu }],
      },
      { language, width },
    )
  const simulated = useMemo(() => {
    if (resolved.pipelineParallel === 1) return undefined
    try {
      return simulate({ model: request.model, cluster: request.cluster, plan: resolved })
    } catch {} // the simulator refuses plans with too many passes; the page then shows the memory only
  }, [request, resolved])
  return (
    <>
      <Picture widest={1016} draw={memory} />
      {simulated && <Picture widest={1040} draw={(width) => timelineChart(simulated, { language, width })} />}
    </>
  )
}

export function Part({ say, language, values, change }: PartProps) {
  const key = ['model', 'gpu', 'nodes', 'perNode', 'batch', 'length'].map((name) => values[name]).join('|')
  const { request, result, problem } = useMemo(() => {
    const request = search(values)
    try {
      return { request, result: plan(request) as PlanResult, problem: '' }
    } catch (error) {
      return { request, result: undefined, problem: (error as Error).message }
    }
  }, [key])
  const chosen = Math.min(numberFrom(values.chosen, 0, 0, 7), (result?.byStability.length ?? 1) - 1)
  const field = (name: string, label: string) => (
    <TextField
      label={label}
      type="number"
      min={1}
      value={values[name]}
      onChange={(value) => change({ [name]: value, chosen: '0' })}
    />
  )
  return (
    <>
      <p>{say('planLead')}</p>
      <Fields>
        <Choice
          label={say('model')}
          value={request.model.name!}
          onChange={(model) => change({ model, chosen: '0' })}
          options={models.map(({ name }) => [name, name] as const)}
        />
        <Choice
          label={say('gpu')}
          value={request.cluster.gpu}
          onChange={(gpu) => change({ gpu, chosen: '0' })}
          options={gpuNames.map((name) => [name, name] as const)}
        />
        {field('nodes', say('nodes'))}
        {field('perNode', say('perNode'))}
        {field('batch', say('batch'))}
        {field('length', say('length'))}
      </Fields>
      {problem && <p role="alert">{problem}</p>}
      {result && result.byStability.length === 0 && (
        <div role="status">
          <p>{say('nothingFits')}</p>
          <ul>
            {[...new Set(result.refused.slice(0, 200).flatMap(({ reasons }) => reasons))].slice(0, 5).map((reason) => (
              <li key={reason}>{reason}</li>
            ))}
          </ul>
        </div>
      )}
      {result && result.byStability.length > 0 && (
        <>
          <Scroll label={`${say('plan')}: ${say('table')}`}>
            <table>
              <thead>
                <tr>
                  <th scope="col">{say('layout')}</th>
                  <th scope="col">{say('seconds')}</th>
                  <th scope="col">{say('memory')}</th>
                  <th scope="col">MFU</th>
                  <th scope="col">{say('risks')}</th>
                </tr>
              </thead>
              <tbody>
                {result.byStability.map(({ estimate: e, risks }, i) => (
                  <tr key={planLabel(e.plan)}>
                    <th scope="row">
                      <label class="radio">
                        <input
                          type="radio"
                          name="plan"
                          checked={i === chosen}
                          onChange={() => change({ chosen: String(i) })}
                        />
                        {planLabel(e.plan)}
                      </label>
                    </th>
                    <td>{e.stepSeconds.toFixed(2)}</td>
                    <td>{(e.memoryBytes / 1e9).toFixed(0)} GB</td>
                    <td>{(100 * e.mfu).toFixed(0)} %</td>
                    <td>
                      {risks.length === 0
                        ? say('none')
                        : risks.map((risk) => riskIn(language, risk)).join(language === 'ja' ? '。' : '; ')}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Scroll>
          <Details request={request} candidate={result.byStability[chosen]} say={say} language={language} />
        </>
      )}
    </>
  )
}
