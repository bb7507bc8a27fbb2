/** Finds the tensor of 8-bit layers that first exceeded the range of its format, for the error when training fails. */
import type { Tensor } from '@kumiki/tensor'
import type { Fp8Recipe } from './recipe.ts'

/**
 * The first tensor that was clipped by a scale from earlier steps, or not finite.
 * @param amaxes largest absolute value of each tensor of the recipe
 * @param overflow amax over the largest value its scale can represent; undefined if scales are computed in the step
 * itself
 */
export async function firstSaturation(
  step: number,
  { tensors }: Pick<Fp8Recipe, 'tensors'>,
  amaxes: Tensor,
  overflow: Tensor | undefined,
): Promise<string> {
  const [largest, beyond] = await Promise.all([amaxes.data(), overflow?.data()])
  const clipped = tensors.flatMap(({ layer, role }, i) => {
    if (!Number.isFinite(largest[i])) return [`the ${role} of ${layer} was not finite`]
    return beyond && beyond[i] > 1
      ? [
          `the ${role} of ${layer} reached ${largest[i]}, ${beyond[i].toPrecision(3)} times the largest value its scale can represent`,
        ]
      : []
  })
  return `The first tensor outside the range of fp8, at step ${step}: ${clipped[0]}`
}
