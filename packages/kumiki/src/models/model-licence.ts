/** The licence of a model that is converted: as its own card states it, or the card of the model it was tuned from. */
import { type CardLicence, modelFolder, readCardLicence } from '@kumiki/models/node'
import { UsageError } from '../usage-error.ts'
import { baseModelOf, isOwnRun } from './model-origin.ts'

export interface ModelLicence extends CardLicence {
  /** Where it comes from, as a message says it. */
  readonly from: string
}

/** A run of one's own follows LLM-jp's policy for its models. */
const ownLicence = 'apache-2.0'

/** Runs tuned from one another are followed up to this many. */
const maxAncestors = 16

/**
 * The licence of a model folder.
 * @param model the model as the user named it
 * @param folder where it is
 * @throws UsageError asking for `--licence` if nothing states one: a licence is never invented for the model of others
 */
export async function licenceOf(model: string, folder: string): Promise<ModelLicence> {
  let [name, place] = [model, folder]
  for (let i = 0; i < maxAncestors; i++) {
    const stated = await readCardLicence(place)
    if (stated) return { ...withAddress(stated, name), from: `the card of ${name}` }
    const base = await baseModelOf(place)
    if (base === undefined) {
      if (await isOwnRun(place)) return { licence: ownLicence, from: "LLM-jp's policy for its own models" }
      break
    }
    ;[name, place] = [base, await modelFolder(base).catch(() => base)]
  }
  throw new UsageError(
    `${model}: ${name === model ? 'it has no README.md that states a licence' : `${name}, from which it was tuned, has no README.md at hand that states a licence`}; give that of the model, such as --licence apache-2.0`,
  )
}

/** A link to a file of a model on the Hub becomes an address: the converted model has another place. */
function withAddress(stated: CardLicence, model: string): CardLicence {
  const { licenceLink: link } = stated
  if (link === undefined || !model.startsWith('hf:') || /^\w+:/.test(link)) return stated
  return { ...stated, licenceLink: new URL(link, `https://huggingface.co/${model.slice(3)}/blob/main/`).href }
}
