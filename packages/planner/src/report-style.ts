/** The style sheet of a plan's report: light, dark and paper, with the system's own fonts. */

const light =
  '--page:#fbfaf8;--card:#fff;--ink:#1c1b19;--soft:#5f5c56;--line:#e4e1da;--grid:#eceae4;--bad:#b3261e;--p0:#2f6fcf;--p1:#7ba7e8;--p2:#1f9e6e;--p3:#e0862b;--p4:#c0438f;--p5:#8a6fd1;--p6:#a9a59c;--p7:#d5b53a;--p8:#5f6b77;--p9:#b98d6a'
const dark =
  '--page:#161614;--card:#1e1e1b;--ink:#ecebe6;--soft:#a3a098;--line:#34332e;--grid:#33322d;--bad:#f2837a;--p0:#5b96ee;--p1:#9dbff2;--p2:#3cb98a;--p3:#e9953f;--p4:#da6cae;--p5:#a38be3;--p6:#7d7a72;--p7:#d9bd52;--p8:#93a0ad;--p9:#c9a283'

const parts = Array.from({ length: 10 }, (_, i) => `.p${i}{fill:var(--p${i});background:var(--p${i})}`).join('')

export const reportStyle = `:root{color-scheme:light dark;${light}}
@media screen and (prefers-color-scheme:dark){:root{${dark}}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Hiragino Sans","Noto Sans JP","Noto Sans CJK JP",sans-serif}
main{max-width:1098px;margin:0 auto;padding:40px 24px 64px}
h1{font-size:1.05rem;font-weight:600;color:var(--soft);margin:0 0 6px;overflow-wrap:anywhere}
.headline{font-size:1.55rem;line-height:1.3;font-weight:650;margin:0 0 16px;letter-spacing:-.01em;text-wrap:balance;max-width:none}
h2{font-size:1.1rem;margin:40px 0 10px}
h3{font-size:.95rem;margin:0 0 4px;font-weight:600}
p{margin:0 0 12px;max-width:88ch}
.note{color:var(--soft);font-size:.88rem}
.facts{display:flex;flex-wrap:wrap;border:1px solid var(--line);border-radius:10px;overflow:hidden;margin:0 0 28px;background:var(--card)}
.facts div{flex:1 1 auto;padding:10px 18px;box-shadow:1px 0 0 var(--line),0 1px 0 var(--line)}
.facts dt{color:var(--soft);font-size:.8rem}
.facts dd{margin:2px 0 0;font-size:1.05rem;font-weight:600;font-variant-numeric:tabular-nums;white-space:nowrap}
figure{margin:0 0 16px;background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 16px 8px;overflow-x:auto}
figcaption{margin-bottom:4px}
.legend{display:flex;flex-wrap:wrap;gap:2px 16px;margin:0 0 8px;padding:0;list-style:none;font-size:.85rem;color:var(--soft)}
.legend i{display:inline-block;width:12px;height:12px;border-radius:3px;margin-right:6px;vertical-align:-1px}
svg{display:block;width:100%;height:auto;min-width:760px;font:12px system-ui,sans-serif}
svg text{fill:var(--ink)}
svg text.axis{fill:var(--soft);font-variant-numeric:tabular-nums}
.grid{stroke:var(--grid)}
.limit{stroke:var(--bad);stroke-width:1.5;stroke-dasharray:5 3}
svg text.value{paint-order:stroke;stroke:var(--card);stroke-width:5px;stroke-linejoin:round}
svg text.limit-label{fill:var(--bad);font-size:11.5px}
${parts}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums;width:100%}
th,td{padding:6px 16px 6px 0;text-align:right;border-bottom:1px solid var(--line);font-weight:400;vertical-align:top;white-space:nowrap}
th[scope=row],thead th:first-child{text-align:left}
th[scope=row]{white-space:normal;min-width:22ch}
thead th{color:var(--soft);font-size:.82rem;border-bottom-color:var(--soft)}
.risks,thead th.risks{text-align:left;white-space:normal;min-width:24ch}
footer{margin-top:48px;color:var(--soft);font-size:.82rem}
@media (max-width:760px){.headline{font-size:1.25rem}main{padding:24px 16px}}
@media print{@page{margin:14mm}:root{--page:#fff}body{font-size:10.5pt}main{max-width:none;padding:0}figure,.facts,tr{break-inside:avoid}h2,h3{break-after:avoid}.scroll,figure{overflow:visible}*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
`
