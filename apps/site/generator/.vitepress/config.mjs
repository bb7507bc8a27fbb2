// The site: VitePress with its local search, English and Japanese. Pages are staged by apps/site/src/stage.ts.
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitepress'
import { apiSidebar, english, japanese } from './navigation.mjs'

const pages = join(dirname(fileURLToPath(import.meta.url)), '..', 'pages')
const api = join(pages, 'api')

/** Pages of the API reference, which `--no-api` leaves out. */
const apiPages = existsSync(api)
  ? readdirSync(api, { recursive: true, encoding: 'utf8' })
      .map((name) => name.replaceAll('\\', '/'))
      .filter((name) => name.endsWith('.md'))
  : []

export default defineConfig({
  srcDir: 'pages',
  outDir: 'dist',
  base: process.env.KUMIKI_SITE_BASE ?? '/',
  title: 'Kumiki 組木',
  description: 'Training primitives for language models, in TypeScript',
  lastUpdated: false,
  // The playground is built beside the pages; without the API reference its pages are missing.
  ignoreDeadLinks: existsSync(api) ? [/^\/playground\//] : [/^\/playground\//, /\/api\//],
  head: [
    // The generator's grey for the language above a block of code, and its blue of buttons (4.48 to 1), have too little
    // contrast for WCAG AA.
    [
      'style',
      {},
      ':root{--vp-code-lang-color:var(--vp-c-text-2);--vp-button-brand-bg:var(--vp-c-brand-1)}.dark{--vp-button-brand-bg:var(--vp-c-brand-3)}',
    ],
    [
      'link',
      {
        rel: 'icon',
        href: 'data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path d="M2 3h12M2 8h12M2 13h12M5 1v14M11 1v14" stroke="%23b4552d" stroke-width="2"/></svg>',
      },
    ],
  ],
  markdown: {
    theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' },
    // Texts about chat templates have braces; none of ours asks Vue for anything.
    config: (md) => {
      const { text } = md.renderer.rules
      const plain = (html) => html.replaceAll('{{', '&#123;&#123;')
      md.renderer.rules.text = (...args) => plain(text(...args))
      // A line that ends in Japanese goes on without a space.
      const japanese = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}、。「」ー（）]/u
      md.renderer.rules.softbreak = (tokens, i) => {
        const [before, after] = [tokens[i - 1]?.content.at(-1) ?? '', tokens[i + 1]?.content[0] ?? '']
        return /[、。」]/.test(before) || (japanese.test(before) && japanese.test(after)) ? '' : '\n'
      }
    },
  },
  themeConfig: {
    search: {
      provider: 'local',
      options: {
        locales: {
          ja: {
            translations: {
              button: { buttonText: '検索', buttonAriaLabel: '検索' },
              modal: {
                noResultsText: '見つかりません',
                resetButtonTitle: '消去',
                footer: { selectText: '選択', navigateText: '移動', closeText: '閉じる' },
              },
            },
          },
        },
        // Japanese has no spaces: runs of kanji and kana are cut into pairs.
        miniSearch: {
          options: {
            tokenize: (text) =>
              text
                .split(/[\s\p{P}\p{Z}<>|=+`~$^]+/u)
                .filter(Boolean)
                .flatMap((word) => {
                  if (!/[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}]/u.test(word) || word.length < 3) return [word]
                  return Array.from({ length: word.length - 1 }, (_, i) => word.slice(i, i + 2))
                }),
          },
        },
      },
    },
    outline: [2, 3],
  },
  locales: {
    root: { label: 'English', lang: 'en', themeConfig: english(apiSidebar(apiPages)) },
    ja: {
      label: '日本語',
      lang: 'ja',
      description: '言語モデルの学習のための TypeScript の部品集',
      themeConfig: japanese(),
    },
  },
})
