// A fractional factorial design: the levels of each run, the aliased effects, and the effects estimated from scores.
import { aliases, analyze, type Design, design } from '@kumiki/ablation'
import { effectsChart } from '@kumiki/report'
import { Choice, Fields, Picture, Scroll, TextField } from '../fields.tsx'
import type { PartProps } from '../part.ts'

function made(values: PartProps['values']): { design?: Design; problem?: string } {
  const factors = values.factors
    .split(/[,、\n]/)
    .map((name) => name.trim())
    .filter(Boolean)
  try {
    return { design: design({ factors, runs: Number(values.runs) }) }
  } catch (error) {
    return { problem: (error as Error).message }
  }
}

function Effects({
  design,
  scores,
  ...words
}: { design: Design; scores: string } & Pick<PartProps, 'say' | 'language'>) {
  const values = scores
    .split(/[\s,、]+/)
    .filter(Boolean)
    .map(Number)
  if (values.length !== design.runs.length || values.some((value) => !Number.isFinite(value))) return null
  return (
    <Picture
      widest={640}
      draw={(width) =>
        effectsChart(analyze(design, values), { response: words.say('score'), language: words.language, width })
      }
    />
  )
}

export function Part({ say, language, values, change }: PartProps) {
  const { design, problem } = made(values)
  return (
    <>
      <p>{say('ablateLead')}</p>
      <Fields>
        <TextField label={say('factors')} value={values.factors} onChange={(factors) => change({ factors })} />
        <Choice
          label={say('runs')}
          value={values.runs}
          onChange={(runs) => change({ runs })}
          options={[4, 8, 16, 32].map((n) => [String(n), String(n)] as const)}
        />
        <TextField label={say('scores')} value={values.scores} onChange={(scores) => change({ scores })} />
      </Fields>
      {problem && <p role="alert">{problem}</p>}
      {design && (
        <>
          <p role="status">
            {say('resolution')}{' '}
            {design.resolution === null
              ? '–'
              : (['', 'I', 'II', 'III', 'IV', 'V', 'VI', 'VII'][design.resolution] ?? design.resolution)}
          </p>
          <Scroll label={`${say('ablate')}: ${say('table')}`}>
            <table>
              <thead>
                <tr>
                  <th scope="col">{say('run')}</th>
                  {design.factors.map(({ name }) => (
                    <th key={name} scope="col">
                      {name}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {design.runs.map((levels, i) => (
                  <tr key={levels.join()}>
                    <th scope="row">{i + 1}</th>
                    {levels.map((level, f) => (
                      <td key={design.factors[f].name} class={level === 1 ? 'on' : 'off'}>
                        {level === 1 ? say('on') : say('off')}
                      </td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </Scroll>
          <Effects design={design} scores={values.scores} say={say} language={language} />
          <h3>{say('aliased')}</h3>
          <ul>
            {aliases(design)
              .filter(({ effects }) => effects.length > 1)
              .slice(0, 30)
              .map(({ effects }) =>
                effects.map(({ sign, factors }) => `${sign < 0 ? '-' : ''}${factors.join(':')}`).join(' = '),
              )
              .map((line) => (
                <li key={line}>{line}</li>
              ))}
          </ul>
        </>
      )}
    </>
  )
}
