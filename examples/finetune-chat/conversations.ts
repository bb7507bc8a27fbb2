/**
 * Generates questions and answers about invented facts: villages of carpenters, what each builds, and of which wood.
 */

export interface Conversation {
  readonly messages: readonly { readonly role: 'user' | 'assistant'; readonly content: string }[]
}

interface Village {
  readonly name: readonly [english: string, japanese: string]
  readonly builds: readonly [english: string, japanese: string]
  readonly wood: readonly [english: string, japanese: string]
}

const names = [
  ['Sagawa', '佐川'],
  ['Moriya', '森屋'],
  ['Takeno', '竹野'],
  ['Ishida', '石田'],
  ['Kawabe', '川辺'],
  ['Hosono', '細野'],
  ['Nagai', '長井'],
  ['Yoshiki', '吉木'],
] as const
const works = [
  ['bridges', '橋'],
  ['temples', '寺'],
  ['boats', '船'],
  ['gates', '門'],
] as const
const woods = [
  ['cedar', '杉'],
  ['cypress', '檜'],
  ['pine', '松'],
] as const

export const villages: readonly Village[] = names.map((name, i) => ({
  name,
  builds: works[(3 * i + 1) % works.length],
  wood: woods[(i * i + i + 2) % woods.length],
}))

/** Templates of questions with their answers, about what is built or about the wood. */
const templates: readonly ((village: Village) => readonly [question: string, answer: string])[] = [
  ({ name, builds }) => [`What do the carpenters of ${name[0]} build?`, `They build ${builds[0]}.`],
  ({ name, builds }) => [`Tell me what ${name[0]} builds.`, `They build ${builds[0]}.`],
  ({ name, wood }) => [`Which wood does ${name[0]} use?`, `They use ${wood[0]}.`],
  ({ name, wood }) => [`What wood do the carpenters of ${name[0]} use?`, `They use ${wood[0]}.`],
  ({ name, builds }) => [`${name[1]}の大工は何を作りますか。`, `${builds[1]}を作ります。`],
  ({ name, builds }) => [`${name[1]}では何を作りますか。`, `${builds[1]}を作ります。`],
  ({ name, wood }) => [`${name[1]}の大工はどの木を使いますか。`, `${wood[1]}を使います。`],
  ({ name, wood }) => [`${name[1]}ではどの木を使いますか。`, `${wood[1]}を使います。`],
]

/**
 * For each village one template of each language is held out, so that its wording is only trained with other villages.
 */
export function conversations(): { readonly train: Conversation[]; readonly heldOut: Conversation[] } {
  const train: Conversation[] = []
  const heldOut: Conversation[] = []
  villages.forEach((village, v) => {
    templates.forEach((template, w) => {
      const [content, answer] = template(village)
      const asked: Conversation = {
        messages: [
          { role: 'user', content },
          { role: 'assistant', content: answer },
        ],
      }
      ;(w === v % 4 || w === 4 + (v % 4) ? heldOut : train).push(asked)
    })
  })
  return { train, heldOut }
}
