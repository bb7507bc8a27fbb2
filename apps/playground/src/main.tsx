// The page: shows the part and language that the address names, and loads a part's code only when it is opened.
import { type ComponentType, render } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { type Part, type PartName, type PartProps, parts } from './part.ts'
import { readState, type Values, writeState } from './state.ts'
import { type Language, sayIn } from './words.ts'

const names = Object.keys(parts) as PartName[]

function Page() {
  const [state, setState] = useState(() => readState(location))
  const [loaded, setLoaded] = useState<Partial<Record<PartName, ComponentType<PartProps>>>>({})
  const name = names.find((n) => n === state.part) ?? null
  const language: Language =
    state.lang === 'ja' || (state.lang === undefined && navigator.language.startsWith('ja')) ? 'ja' : 'en'
  const say = sayIn(language)

  useEffect(() => {
    const follow = () => setState(readState(location))
    addEventListener('hashchange', follow)
    return () => removeEventListener('hashchange', follow)
  }, [])
  useEffect(() => {
    document.documentElement.lang = language
    document.title = name ? `${say(name)}: ${say('title')}` : say('title')
  }, [language, name])
  useEffect(() => {
    if (!name || loaded[name]) return
    const part: Part = parts[name]
    part.load().then(({ Part }) => setLoaded((before) => ({ ...before, [name]: Part })))
  }, [name])

  const linkTo = (values: Values) => writeState({ ...values, ...(state.lang ? { lang: state.lang } : {}) }, {})
  const Shown = name ? loaded[name] : undefined
  const defaults: Values = name ? parts[name].defaults : {}
  const change = (values: Values) => {
    const next = { ...state, ...values }
    history.replaceState(null, '', writeState(next, defaults))
    setState(next)
  }
  return (
    <>
      <header>
        <h1>
          <a href={linkTo({})}>{say('title')}</a>
        </h1>
        <nav aria-label={say('parts')}>
          {names.map((n) => (
            <a key={n} href={linkTo({ part: n })} aria-current={n === name ? 'page' : undefined}>
              {say(n)}
            </a>
          ))}
        </nav>
        <label class="language">
          <span>{say('language')}</span>
          <select value={language} onChange={(event) => change({ lang: event.currentTarget.value })}>
            <option value="en">English</option>
            <option value="ja">日本語</option>
          </select>
        </label>
      </header>
      <main>
        {name === null ? (
          <Welcome say={say} linkTo={linkTo} />
        ) : Shown ? (
          <section aria-labelledby="part-title">
            <h2 id="part-title">{say(name)}</h2>
            <Shown say={say} language={language} values={{ ...defaults, ...state }} change={change} />
          </section>
        ) : (
          <p role="status">{say('loading')}</p>
        )}
      </main>
    </>
  )
}

function Welcome({ say, linkTo }: { say: PartProps['say']; linkTo: (values: Values) => string }) {
  const leads = {
    train: 'trainLead',
    tokenize: 'tokenizeLead',
    numbers: 'numbersLead',
    plan: 'planLead',
    ablate: 'ablateLead',
  } as const
  return (
    <>
      <p>{say('lead')}</p>
      <ul class="cards">
        {names.map((n) => (
          <li key={n}>
            <a href={linkTo({ part: n })}>{say(n)}</a>
            <p>{say(leads[n])}</p>
          </li>
        ))}
      </ul>
    </>
  )
}

const at = document.getElementById('page')!
at.textContent = ''
render(<Page />, at)
