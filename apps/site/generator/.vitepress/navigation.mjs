// Navigation bar and sidebar of the pages, in both languages.
const item = (text, link) => ({ text, link })
const group = (text, items, collapsed) => ({ text, items, ...(collapsed === undefined ? {} : { collapsed }) })

const packages = [
  'numerics',
  'tensor',
  'optim',
  'tokenizer',
  'data',
  'models',
  'planner',
  'ablation',
  'train',
  'report',
]
export const examples = [
  'language-models-through-history',
  'sgd-to-adamw',
  'adam-epsilon',
  'wsd-vs-cosine',
  'learning-rate-spikes',
  'bf16-vs-fp8',
  'corpus-ablation',
  'finetune-chat',
  'llm-jp-3',
  'own-model',
  'own-block',
  'custom-schedule',
]
const lecture = [
  ['models', 'Language models', '言語モデル'],
  ['sizes', 'Sizes and compute', 'モデルサイズと計算量'],
  ['corpus', 'Corpora', 'コーパス'],
  ['ablation', 'Which corpus helped', 'どのコーパスが効いたか'],
  ['parallelism', 'Parallelism', '並列化'],
  ['precision', 'Low precision', '低精度'],
  ['optimizer', 'Optimizer and learning rate', '最適化手法と学習率'],
  ['release', 'Releasing', '公開'],
]

/**
 * The sidebar of the API reference: each package once, with its other entry points below it.
 * @param files pages in the folder of the reference, such as `@kumiki/data/node.md`. For a package with several entry
 * points typedoc writes `index-1.md` for the main one, and an `index.md` that only lists them. Re-exports of `kumiki`
 * are left out: their own packages document them.
 */
export function apiSidebar(files) {
  const pages = files.map((file) => file.replace(/\.md$/, '')).filter((page) => !page.startsWith('kumiki/namespaces/'))
  const links = new Map()
  for (const name of [...packages.map((name) => `@kumiki/${name}`), 'kumiki']) {
    const main = [`${name}/index-1`, name, `${name}/index`].find((page) => pages.includes(page))
    if (!main) continue
    const others = pages.filter((page) => page.startsWith(`${name}/`) && !/\/index(-1)?$/.test(page)).sort()
    const items = others.map((page) => item(page.slice(name.length), `/api/${page}`))
    links.set(name, { ...item(name, `/api/${main}`), ...(items.length > 0 && { items, collapsed: false }) })
  }
  return [...links.values()]
}

export const english = (api) => ({
  nav: [
    item('Start here', '/getting-started'),
    item('Guides', '/guides'),
    item('Lecture', '/lecture/'),
    item('API', '/api/index'),
    { text: 'Playground', link: '/playground/', target: '_self' },
  ],
  sidebar: {
    '/api/': [group('API reference', api)],
    '/': [
      group('Start', [
        item('Getting started', '/getting-started'),
        item('Concepts', '/concepts'),
        item('What it cannot do', '/limits'),
        item('The playground', '/playground'),
        item('All guides', '/guides'),
      ]),
      group('Coming from', [item('PyTorch', '/from-pytorch'), item('jax-js, TensorFlow.js', '/from-jax-js')]),
      group('Guides', [
        item('Number formats in training', '/precision'),
        item('Operations', '/operations'),
        item('Precision of operations', '/precision-of-ops'),
        item('Schedules, optimizers, spikes', '/optimizers'),
        item('Tokenizers', '/tokenizer'),
        item('Data', '/data'),
        item('Models and adapters', '/models'),
        item('Fine-tuning and chat', '/fine-tuning'),
        item('Training runs', '/training'),
        item('Planning a cluster', '/planner'),
        item('Ablation', '/ablation'),
        item('Charts and reports', '/report'),
        item('The command line', '/command-line'),
      ]),
      group(
        'The lecture, reproduced',
        [item('Contents', '/lecture/'), ...lecture.map(([path, text]) => item(text, `/lecture/${path}`))],
        false,
      ),
      group(
        'Packages',
        packages.map((name) => item(`@kumiki/${name}`, `/packages/${name}`)),
        true,
      ),
      group(
        'Examples',
        examples.map((name) => item(name, `/examples/${name}`)),
        true,
      ),
      group(
        'Project',
        [
          item('Architecture', '/architecture'),
          item('Decisions', '/decisions'),
          item('Contributing', '/contributing'),
          item('Benchmarks', '/benchmarks'),
          item('Benchmark results', '/results'),
          item('Security', '/security'),
        ],
        true,
      ),
    ],
  },
})

export const japanese = () => ({
  nav: [
    item('はじめに', '/ja/getting-started'),
    item('考え方', '/ja/concepts'),
    item('講義', '/ja/lecture/'),
    item('API', '/api/index'),
    { text: 'プレイグラウンド', link: '/playground/?lang=ja', target: '_self' },
  ],
  sidebar: {
    '/ja/': [
      group('はじめる', [
        item('はじめに', '/ja/getting-started'),
        item('考え方', '/ja/concepts'),
        item('できないこと', '/ja/limits'),
        item('プレイグラウンドについて', '/ja/playground'),
      ]),
      group('移行する', [
        item('PyTorch から', '/ja/from-pytorch'),
        item('jax-js、TensorFlow.js から', '/ja/from-jax-js'),
      ]),
      group('手引き', [
        item('学習での数値形式', '/ja/precision'),
        item('スケジュール、最適化手法、スパイク', '/ja/optimizers'),
        item('トークナイザー', '/ja/tokenizer'),
        item('データ', '/ja/data'),
        item('モデルとアダプター', '/ja/models'),
        item('ファインチューニングと対話', '/ja/fine-tuning'),
        item('学習の実行', '/ja/training'),
        item('クラスターの計画', '/ja/planner'),
        item('アブレーション', '/ja/ablation'),
        item('図とレポート', '/ja/report'),
      ]),
      group('英語のページ', [
        item('演算の一覧', '/operations'),
        item('演算の精度', '/precision-of-ops'),
        item('コマンドライン', '/command-line'),
      ]),
      group(
        '講義をたどる',
        [item('目次', '/ja/lecture/'), ...lecture.map(([path, , text]) => item(text, `/ja/lecture/${path}`))],
        false,
      ),
    ],
  },
  outline: { level: [2, 3], label: '目次' },
  docFooter: { prev: '前', next: '次' },
  darkModeSwitchLabel: '表示',
  lightModeSwitchTitle: '明るい表示',
  darkModeSwitchTitle: '暗い表示',
  sidebarMenuLabel: 'メニュー',
  returnToTopLabel: '上へ',
  langMenuLabel: '言語',
  skipToContentLabel: '本文へ',
})
