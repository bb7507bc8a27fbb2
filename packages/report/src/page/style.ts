/** The style sheet of all pages: light and dark mode, print and narrow screens, with system fonts. */
import { colors } from '../svg/colors.ts'

const light = '--page:#fbfaf8;--card:#fff;--ink:#1c1b19;--soft:#5f5c56;--line:#e4e1da;--good:#19734d;--bad:#b3261e'
const dark = '--page:#161614;--card:#1e1e1b;--ink:#ecebe6;--soft:#a8a59d;--line:#3a3933;--good:#5cc496;--bad:#f2837a'

/**
 * Number of shades of a heat map, from low to high: background and text colour of a cell, alike in light and dark mode.
 */
export const shades = 9
const heat = Array.from({ length: shades }, (_, i) => {
  const lightness = 94 - (i * 62) / (shades - 1)
  return `.h${i}{background:hsl(222 55% ${lightness}%);color:${lightness > 58 ? '#111' : '#fff'}}`
}).join('')

export const pageStyle = `:root{color-scheme:light dark;${light}}
@media screen and (prefers-color-scheme:dark){:root{${dark}}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Hiragino Sans","Noto Sans JP","Noto Sans CJK JP",sans-serif}
main{max-width:1098px;margin:0 auto;padding:40px 24px 64px}
h1{font-size:1.05rem;font-weight:600;color:var(--soft);margin:0 0 6px;overflow-wrap:anywhere}
.headline{font-size:1.5rem;line-height:1.3;font-weight:650;margin:0 0 16px;letter-spacing:-.01em;text-wrap:balance;max-width:none;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:40px 0 10px}
h3{font-size:.95rem;margin:0 0 4px;font-weight:600}
main>h3{margin-top:28px}
p{margin:0 0 12px;max-width:88ch;overflow-wrap:anywhere}
.note,.empty{color:var(--soft);font-size:.88rem}
.facts{display:flex;flex-wrap:wrap;border:1px solid var(--line);border-radius:10px;overflow:hidden;margin:0 0 28px;background:var(--card)}
.facts div{flex:1 1 auto;padding:10px 18px;box-shadow:1px 0 0 var(--line),0 1px 0 var(--line);min-width:0}
.facts dt{color:var(--soft);font-size:.8rem}
.facts dd{margin:2px 0 0;font-size:1.05rem;font-weight:600;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
figure{margin:0 0 16px;background:var(--card);border:1px solid var(--line);border-radius:10px;padding:12px 16px 8px;min-width:0}
figcaption{margin-bottom:4px}
svg{display:block;max-width:100%;height:auto}
.wide svg{width:100%}
.narrow{display:none}
.row{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,300px),1fr));gap:16px;margin:0 0 16px}
.row.two{grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr))}
.row figure{margin:0}
.row svg{width:100%;max-width:500px}
.scroll{overflow-x:auto;margin:0 0 16px}
.scroll:focus-visible,summary:focus-visible,a:focus-visible{outline:2px solid ${colors[0]};outline-offset:2px;border-radius:4px}
table{border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums;width:100%}
caption{text-align:left;font-weight:600;padding:4px 0}
th,td{padding:6px 16px 6px 0;text-align:right;border-bottom:1px solid var(--line);font-weight:400;vertical-align:top;white-space:nowrap}
th:last-child,td:last-child{padding-right:4px}
th[scope=row],thead th:first-child,td:first-child{text-align:left}
th[scope=row]{white-space:normal;min-width:16ch;overflow-wrap:anywhere}
thead th{color:var(--soft);font-size:.82rem;border-bottom-color:var(--soft)}
td.text,th.text{text-align:left;white-space:normal;min-width:22ch}
tr.best>*{font-weight:650}
tr.differs>th{font-weight:650}
table.config{width:auto}
table.config td{white-space:normal;overflow-wrap:anywhere;min-width:9ch;max-width:40ch}
.groups{display:flex;flex-wrap:wrap;gap:8px 40px;align-items:flex-start}
.better{color:var(--good)}.worse{color:var(--bad)}
.swatch{display:inline-block;width:12px;height:12px;border-radius:3px;margin-right:7px;vertical-align:-1px}
.samples{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:16px}
.sample{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:12px 16px}
.sample p{margin:0;white-space:pre-wrap}
.heat{width:auto}
.heats{display:flex;flex-wrap:wrap;gap:0 24px}.heats .scroll{max-width:100%}
.heat td,.heat th{padding:3px 6px;border:0}
${heat}
summary{cursor:pointer;padding:4px 0}
footer{margin-top:48px;color:var(--soft);font-size:.82rem}
@media screen and (max-width:760px){.wide{display:none}.narrow{display:block}.narrow svg{width:100%;max-width:520px}
.headline{font-size:1.2rem}main{padding:24px 14px 48px}figure{padding:10px 12px 6px}.facts div{padding:8px 12px}.facts dd{font-size:.98rem}}
@media print{@page{margin:14mm}:root{--page:#fff}body{font-size:10.5pt}main{max-width:none;padding:0}figure,.facts,tr{break-inside:avoid}h2,h3{break-after:avoid}.scroll{overflow:visible}*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
`
