/**
 * Self-test of a device: computes operations of a training step and compares them with the reference backend, which
 * evaluates each operation's definition.
 */
import type { Device, Tensor } from '@kumiki/tensor'

/** The result of one case. */
export interface Check {
  readonly name: string
  readonly correct: boolean
  /**
   * Greatest error of any element, relative to the greatest magnitude of the reference result. Infinity if a value is
   * NaN or missing.
   */
  readonly greatestError: number
  /** Allowed error, in the same unit. */
  readonly tolerance: number
  /** The error, if the case could not be computed. */
  readonly error?: string
}

export interface SelfTest {
  readonly correct: boolean
  readonly milliseconds: number
  readonly checks: readonly Check[]
}

type Compute = (device: Device) => Promise<readonly Tensor[]>

interface Case {
  readonly name: string
  readonly tolerance: number
  readonly compute: Compute
}

/** The cases. Sizes are not multiples of any kernel's tile. */
async function cases(): Promise<readonly Case[]> {
  const { attention, grad, matmul, softmax, sum } = await import('@kumiki/tensor')
  const { adamw } = await import('@kumiki/optim')
  /** Multiples of 1/8 from -1 to 1, which are exact in every format, as are sums of their products in float32. */
  const filled = (device: Device, shape: readonly number[], seed: number, dtype?: 'bfloat16') =>
    device.tensor(
      Float32Array.from(
        { length: shape.reduce((a, b) => a * b, 1) },
        (_, i) => (((Math.imul(i + seed, 2654435761) >>> 16) % 17) - 8) / 8,
      ),
      shape,
      dtype,
    )
  return [
    {
      name: 'matmul in float32',
      tolerance: 0,
      compute: async (device) => [matmul(filled(device, [37, 65], 1), filled(device, [65, 51], 2))],
    },
    {
      name: 'matmul in bfloat16',
      tolerance: 2 ** -8,
      compute: async (device) => [
        matmul(filled(device, [37, 65], 3, 'bfloat16'), filled(device, [65, 51], 4, 'bfloat16')).astype('float32'),
      ],
    },
    {
      name: 'softmax',
      tolerance: 1e-5,
      compute: async (device) => [softmax(filled(device, [13, 77], 5).mul(8))],
    },
    {
      name: 'attention and its gradient',
      tolerance: 1e-4,
      compute: async (device) => {
        const inputs = [
          filled(device, [1, 19, 4, 16], 6),
          filled(device, [1, 19, 2, 16], 7),
          filled(device, [1, 19, 2, 16], 8),
        ]
        const loss = ([q, k, v]: Tensor[]) => attention(q, k, v).square().sum()
        return [attention(inputs[0], inputs[1], inputs[2]), ...grad(loss)(inputs)]
      },
    },
    {
      name: 'sum',
      tolerance: 1e-5,
      compute: async (device) => [sum(filled(device, [67, 131], 9).square(), 1)],
    },
    {
      name: 'a step of AdamW',
      tolerance: 1e-5,
      compute: async (device) => {
        const optimizer = adamw({ weightDecay: 0.1 })
        const params = { w: filled(device, [33, 7], 10) }
        const { params: next } = optimizer.update(
          { w: filled(device, [33, 7], 11) },
          optimizer.init(params),
          params,
          optimizer.scalars(1, 0.01),
        )
        return [next.w]
      },
    },
  ]
}

const valuesOf = async (compute: Compute, device: Device): Promise<number[]> =>
  (await Promise.all((await compute(device)).map((tensor) => tensor.data()))).flatMap((data) =>
    Array.from(data, Number),
  )

/** Greatest difference over the greatest magnitude of `expected`; Infinity if lengths differ or a value is NaN. */
function relativeError(found: readonly number[], expected: readonly number[]): number {
  if (found.length !== expected.length) return Number.POSITIVE_INFINITY
  let [error, magnitude] = [0, 0]
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(found[i] - expected[i])
    if (Number.isNaN(difference)) return Number.POSITIVE_INFINITY
    error = Math.max(error, difference)
    magnitude = Math.max(magnitude, Math.abs(expected[i]))
  }
  return error / (magnitude || 1)
}

/** Runs all cases on both devices. Takes less than two seconds, even on a software adapter. */
export async function selfTest(device: Device, reference: Device): Promise<SelfTest> {
  const began = performance.now()
  const checks: Check[] = []
  for (const { name, tolerance, compute } of await cases()) {
    try {
      const greatestError = relativeError(await valuesOf(compute, device), await valuesOf(compute, reference))
      checks.push({ name, correct: greatestError <= tolerance, greatestError, tolerance })
    } catch (error) {
      const message = (error as Error).message
      checks.push({ name, correct: false, greatestError: Number.POSITIVE_INFINITY, tolerance, error: message })
    }
  }
  return { correct: checks.every(({ correct }) => correct), milliseconds: performance.now() - began, checks }
}

/** The result in one line: the correct cases, or the failed ones with their errors. */
export function describeSelfTest({ correct, checks, milliseconds }: SelfTest): string {
  if (correct) return `${checks.map(({ name }) => name).join(', ')} are correct, ${Math.round(milliseconds)} ms`
  const wrong = checks.filter((check) => !check.correct)
  return wrong
    .map(({ name, greatestError, tolerance, error }) =>
      error
        ? `${name} FAILED: ${error}`
        : `${name} is WRONG by ${(100 * greatestError).toPrecision(2)} % of the greatest value (allowed: ${tolerance === 0 ? 'none' : `${100 * tolerance} %`})`,
    )
    .join('; ')
}
