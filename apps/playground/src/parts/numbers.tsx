// A number in float32, bfloat16, float16 and both FP8 formats: its bits, rounded value and relative error.
import { decode, encode, type FormatName, finfo, formatOf } from '@kumiki/numerics'
import { Choice, Fields, Scroll, TextField } from '../fields.tsx'
import type { PartProps } from '../part.ts'
import { numberFrom } from '../state.ts'

const formats = ['bfloat16', 'float16', 'float8_e4m3fn', 'float8_e5m2'] as const

interface Row {
  readonly name: string
  readonly code: number
  readonly bits: number
  readonly exponent: number
  readonly value: number
}

function rows(value: number, scale: number, options: { rounding: 'nearest' | 'stochastic'; seed: number }): Row[] {
  const scaled = Math.fround(value * scale)
  const single = {
    name: 'float32',
    code: new Uint32Array(Float32Array.of(scaled).buffer)[0],
    bits: 32,
    exponent: 8,
    value: scaled / scale,
  }
  const narrow = formats.map((name: FormatName) => {
    const code =
      options.rounding === 'stochastic'
        ? encode(name, scaled, { rounding: 'stochastic', seed: options.seed })
        : encode(name, scaled)
    return {
      name,
      code,
      bits: finfo(name).bits,
      exponent: formatOf(name).exponentBits,
      value: decode(name, code) / scale,
    }
  })
  return [single, ...narrow]
}

function Bits({ code, bits, exponent }: Row) {
  const digits = (code >>> 0).toString(2).padStart(bits, '0')
  const fields = [digits.slice(0, 1), digits.slice(1, 1 + exponent), digits.slice(1 + exponent)]
  return (
    <code class="bits">
      {fields.map((field, i) => (
        <span key={String(i)} class={['sign', 'exponent', 'fraction'][i]}>
          {field}
        </span>
      ))}
    </code>
  )
}

export function Part({ say, values, change }: PartProps) {
  const value = numberFrom(values.number, 0.1, -3.4e38, 3.4e38)
  const exponent = Math.round(numberFrom(values.scale, 0, -60, 60))
  const rounding = values.rounding === 'stochastic' ? 'stochastic' : 'nearest'
  const seed = Math.round(numberFrom(values.seed, 1, 0, 1e6))
  return (
    <>
      <p>{say('numbersLead')}</p>
      <Fields>
        <TextField label={say('number')} value={values.number} onChange={(number) => change({ number })} />
        <TextField
          label={`${say('scale')}: 2^${exponent}`}
          type="range"
          min={-30}
          max={30}
          value={String(exponent)}
          onChange={(scale) => change({ scale })}
        />
        <Choice
          label={say('rounding')}
          value={rounding}
          onChange={(rounding) => change({ rounding })}
          options={[
            ['nearest', say('nearest')],
            ['stochastic', say('stochastic')],
          ]}
        />
        {rounding === 'stochastic' && (
          <TextField
            label={say('seed')}
            type="number"
            min={0}
            value={String(seed)}
            onChange={(seed) => change({ seed })}
          />
        )}
      </Fields>
      <Scroll label={`${say('numbers')}: ${say('table')}`}>
        <table>
          <thead>
            <tr>
              {(['format', 'bits', 'becomes', 'error'] as const).map((word) => (
                <th key={word} scope="col">
                  {say(word)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows(value, 2 ** exponent, { rounding, seed }).map((row) => (
              <tr key={row.name}>
                <th scope="row">{row.name}</th>
                <td>
                  <Bits {...row} />
                </td>
                <td>{Number(row.value.toPrecision(9))}</td>
                <td>{value === 0 ? '0' : Math.abs((row.value - value) / value).toExponential(1)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </>
  )
}
