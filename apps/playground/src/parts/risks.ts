// The planner's risks in the page's language. The planner words them in English; a sentence that is not known here stays as it is.
import type { Language } from '../words.ts'

const japanese: readonly (readonly [english: RegExp, japanese: string])[] = [
  [/^memory (\d+) % is above the (\d+) % .*$/, 'メモリー $1 %。メモリー不足が起きていない $2 % を超える'],
  [/^uneven expert load \(([\d.]+) x\) .*$/, 'エキスパートの負荷が偏る ($1 倍) と、メモリーが 80 % を超える'],
  [/^tensor parallelism (\d+) leaves the node$/, 'テンソル並列 $1 がノードをまたぐ'],
  [
    /^expert parallelism (\d+) leaves the node.*$/,
    'エキスパート並列 $1 がノードをまたぐ (ノード間の all-to-all は 20 から 40 倍遅い)',
  ],
  [
    /^depends on overlap: a step would take (\d+) % .*$/,
    'オーバーラップに依存する (なければ 1 ステップが $1 % 長くなる)',
  ],
  [/^failures and checkpoints are expected to take (\d+) % .*$/, '故障とチェックポイントに時間の $1 % がかかる見込み'],
  [
    /^no number of nodes from (\d+) to (\d+) keeps .*$/,
    '$1 から $2 ノードに、グローバルバッチを割り切れるノード数がない',
  ],
]

/** @param risk a sentence of `risks` of @kumiki/planner */
export function riskIn(language: Language, risk: string): string {
  if (language !== 'ja') return risk
  const [pattern, text] = japanese.find(([english]) => english.test(risk)) ?? []
  return pattern && text ? risk.replace(pattern, text) : risk
}
