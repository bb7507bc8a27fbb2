// Every text of the page, English and Japanese.

export type Language = 'en' | 'ja'

const words = {
  title: ['Kumiki playground', 'Kumiki プレイグラウンド'],
  lead: [
    'Everything here runs in this page. Nothing is sent anywhere.',
    'すべてこのページの中で動きます。どこにも送信しません。',
  ],
  train: ['Train', '学習'],
  tokenize: ['Tokenize', 'トークン化'],
  numbers: ['Numbers', '数値'],
  plan: ['Plan', '計画'],
  ablate: ['Ablation', 'アブレーション'],
  loading: ['Loading ...', '読み込み中 ...'],
  parts: ['Parts', '項目'],
  table: ['table', '表'],
  language: ['Language', '言語'],
  trainLead: [
    'A decoder of 1.6 million parameters (nano) learns the messages of the TypeScript compiler, in Japanese and English. Change a setting and train again: earlier runs stay on the picture.',
    '160 万パラメーターのデコーダー (nano) が TypeScript コンパイラーの日本語と英語のメッセージを学びます。設定を変えてもう一度学習すると、前の実行も図に残ります。',
  ],
  device: ['Device', 'デバイス'],
  schedule: ['Schedule', 'スケジュール'],
  rate: ['Peak learning rate', '最大学習率'],
  epsilon: ["Adam's epsilon", 'Adam の epsilon'],
  precision: ['Precision', '精度'],
  steps: ['Steps', 'ステップ数'],
  start: ['Train', '学習する'],
  stop: ['Stop', '止める'],
  clear: ['Clear the picture', '図を消す'],
  idle: ['Not started.', '開始していません。'],
  preparing: ['Preparing ...', '準備中 ...'],
  stopped: ['Stopped', '停止しました'],
  done: ['Done', '終了しました'],
  prompt: ['Prompt', '書き出し'],
  generate: ['Continue the text', '続きを書く'],
  temperature: ['Temperature', '温度'],
  loss: ['Loss', '損失'],
  step: ['step', 'ステップ'],
  text: ['Text', '文章'],
  tokens: ['tokens', 'トークン'],
  characters: ['characters', '文字'],
  ownModel: [
    'A model of yours (.model of SentencePiece, or tokenizer.json)',
    '手元のモデル (SentencePiece の .model か tokenizer.json)',
  ],
  ownModelNote: ['It is read here and not sent anywhere.', 'この中で読むだけで、送信しません。'],
  tokenizeLead: [
    'Each piece has its id and the part of the text it covers. The tokenizer has 2,048 pieces; what no piece covers becomes bytes.',
    'ピースごとに番号と、文章のどこにあたるかを示します。このトークナイザーは 2,048 ピースで、ないものはバイトになります。',
  ],
  piece: ['piece', 'ピース'],
  id: ['id', '番号'],
  offsets: ['offsets', '位置'],
  number: ['Number', '数'],
  scale: ['Scale, a power of two', 'スケール (2 の累乗)'],
  rounding: ['Rounding', '丸め'],
  seed: ['Seed', 'シード'],
  nearest: ['to nearest even', '最近接偶数'],
  stochastic: ['stochastic', '確率的'],
  numbersLead: [
    'The number is multiplied by the scale, rounded to each format, and divided by the scale again.',
    '数にスケールを掛け、各形式に丸め、スケールで割り戻します。',
  ],
  format: ['format', '形式'],
  bits: ['bits: sign, exponent, fraction', 'ビット: 符号、指数、仮数'],
  becomes: ['becomes', '結果'],
  error: ['relative error', '相対誤差'],
  model: ['Model', 'モデル'],
  gpu: ['GPU', 'GPU'],
  nodes: ['Nodes', 'ノード数'],
  perNode: ['GPUs per node', 'ノードあたり GPU'],
  batch: ['Global batch, sequences', 'グローバルバッチ (系列数)'],
  length: ['Sequence length, tokens', '系列長 (トークン)'],
  planLead: [
    'Plans that fit, by stability: fewest risks first, then fastest. Choose one to see its memory and its pipeline.',
    '収まる計画を安定な順に並べます。リスクの少ない順、次に速い順です。選ぶとメモリーとパイプラインを表示します。',
  ],
  layout: ['Plan', '計画'],
  seconds: ['s/step', '秒/ステップ'],
  memory: ['memory', 'メモリー'],
  risks: ['risks', 'リスク'],
  none: ['none', 'なし'],
  nothingFits: ['No plan fits. Some reasons:', '収まる計画がありません。理由の例:'],
  memoryTitle: ['Memory by pipeline stage, GB', 'ステージごとのメモリー (GB)'],
  ablateLead: [
    'Which of several changes helped? A fractional factorial design estimates each effect with few runs. Enter the score of each to see the effects.',
    'どの変更が効いたかを、少ない学習で切り分けます。各実行の得点を入れると効果を表示します。',
  ],
  factors: ['Factors, separated by commas', '因子 (コンマ区切り)'],
  runs: ['Runs', '学習の回数'],
  scores: ['Scores, one per run', '得点 (実行ごと)'],
  aliased: ['Aliased effects', '交絡している効果'],
  resolution: ['Resolution', 'レゾリューション'],
  run: ['run', '実行'],
  on: ['on', '入'],
  off: ['off', '切'],
} as const satisfies Record<string, readonly [english: string, japanese: string]>

export type Word = keyof typeof words
export type Say = (word: Word) => string

export const sayIn =
  (language: Language): Say =>
  (word) =>
    words[word][language === 'ja' ? 1 : 0]
