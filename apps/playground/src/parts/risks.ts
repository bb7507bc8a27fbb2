// Translates the planner's risks into the language of the page. Risks are recognised by subject and numbers, so that
// their wording may change; a risk that is not recognised stays English.
import type { Language } from '../words.ts'

const japanese: readonly (readonly [english: RegExp, japanese: string])[] = [
  [/^memory \D*(\d+) %\D*(\d+) %.*$/, 'メモリー $1 %。メモリー不足が起きていない $2 % を超える'],
  [/^uneven expert load\D*([\d.]+) x.*$/, 'エキスパートの負荷が偏る ($1 倍) と、メモリーが 80 % を超える'],
  [/^tensor parallelism\D*(\d+).*$/, 'テンソル並列 $1 がノードをまたぐ'],
  [
    /^expert parallelism\D*(\d+).*$/,
    'エキスパート並列 $1 がノードをまたぐ (ノード間の all-to-all は 20 から 40 倍遅い)',
  ],
  [/^.*overlap\D*(\d+) %.*$/, 'オーバーラップに依存する (なければ 1 ステップが $1 % 長くなる)'],
  [/^failures and checkpoints\D*(\d+) %.*$/, '故障とチェックポイントに時間の $1 % がかかる見込み'],
  [/^no number of nodes\D*(\d+)\D*(\d+).*$/, '$1 から $2 ノードに、グローバルバッチを割り切れるノード数がない'],
]

/** @param risk a sentence of `risks` of @kumiki/planner */
export function riskIn(language: Language, risk: string): string {
  if (language !== 'ja') return risk
  const [pattern, text] = japanese.find(([english]) => english.test(risk)) ?? []
  return pattern && text ? risk.replace(pattern, text) : risk
}
