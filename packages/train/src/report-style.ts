/** The style sheet of a report: light, dark and paper, with the system's own fonts. */

const light = `--page:#fbfaf8;--card:#fff;--ink:#1c1b19;--soft:#5f5c56;--line:#e4e1da;--grid:#eceae4;--rule:#8b877f;--good:#0b6b4f;--bad:#a8322a;
--s0:#1f6fd0;--s1:#cf5a06;--s2:#0b8a68;--s3:#9a37b3;--s4:#a37b00;--s5:#c22f4b;--s6:#4a57d4;--s7:#5f6b77;`
const dark = `--page:#161614;--card:#1e1e1b;--ink:#ecebe6;--soft:#a3a098;--line:#34332e;--grid:#2b2a26;--rule:#8f8b82;--good:#56c9a1;--bad:#f0877c;
--s0:#6aa9f5;--s1:#f59a4f;--s2:#4cc9a0;--s3:#d68af0;--s4:#dcb53f;--s5:#f4849a;--s6:#9aa5ff;--s7:#a9b4bf;`

export const reportStyle = `:root{color-scheme:light dark;${light}}
@media screen and (prefers-color-scheme:dark){:root{${dark}}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Hiragino Sans","Noto Sans JP","Noto Sans CJK JP",sans-serif}
main{max-width:1080px;margin:0 auto;padding:40px 24px 64px}
h1{font-size:1.05rem;font-weight:600;color:var(--soft);margin:0 0 6px;overflow-wrap:anywhere}
.headline{font-size:1.65rem;line-height:1.3;font-weight:650;margin:0 0 24px;letter-spacing:-.01em;text-wrap:balance;overflow-wrap:anywhere}
h2{font-size:1.1rem;margin:44px 0 12px}
h3{font-size:.95rem;margin:0 0 4px;font-weight:600}
p{margin:0 0 12px;max-width:72ch}
.note{color:var(--soft);font-size:.88rem}
.empty{color:var(--soft);font-size:.9rem;padding:24px 0}
.facts{display:flex;flex-wrap:wrap;border:1px solid var(--line);border-radius:10px;overflow:hidden;margin:0 0 28px;background:var(--card)}
.facts div{flex:1 1 auto;padding:12px 18px;box-shadow:1px 0 0 var(--line),0 1px 0 var(--line)}
.facts dt{color:var(--soft);font-size:.8rem}
.facts dd{margin:2px 0 0;font-size:1.05rem;font-weight:600;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
figure{margin:0 0 16px;background:var(--card);border:1px solid var(--line);border-radius:10px;padding:16px 16px 8px}
figcaption{display:flex;flex-wrap:wrap;justify-content:space-between;gap:4px 20px;margin-bottom:6px}
.legend{display:flex;flex-wrap:wrap;gap:2px 16px;margin:0;padding:0;list-style:none;font-size:.85rem;color:var(--soft)}
.legend svg{width:22px;height:10px;margin-right:6px;vertical-align:1px}
.small{display:grid;grid-template-columns:repeat(3,1fr);gap:16px}
.small figure{margin:0}
svg{display:block;width:100%;height:auto;font-size:12px}
.legend svg{display:inline-block}
.axis text{fill:var(--soft);font-variant-numeric:tabular-nums}
.small svg .axis text{font-size:13px}
.grid{stroke:var(--grid)}.base{stroke:var(--rule)}
.line{stroke-width:2;stroke-linejoin:round}
.faint{stroke-width:1;stroke-opacity:.32;stroke-linejoin:round}
.dot{stroke:var(--card);stroke-width:1.5}
.rule{stroke:var(--rule);stroke-dasharray:5 4}.lead{stroke:var(--rule);fill:none}
.rule-label{fill:var(--ink);font-size:12.5px}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:.92rem;font-variant-numeric:tabular-nums;min-width:min(100%,420px)}
th,td{padding:6px 18px 6px 0;text-align:right;border-bottom:1px solid var(--line);font-weight:400;vertical-align:top}
th[scope=row],th:first-child{text-align:left;overflow-wrap:anywhere}
thead th{color:var(--soft);font-size:.82rem;border-bottom-color:var(--rule);white-space:nowrap}
tr.model th,tr.model td{font-weight:650}
tr.differs td{font-weight:650}
.runs th[scope=row],.runs td{white-space:nowrap}.runs td:last-child{white-space:normal;min-width:12ch;text-align:left}.runs th:last-child{text-align:left}.runs{font-size:.86rem}.runs th,.runs td{padding-right:13px}
.config td{text-align:left;overflow-wrap:anywhere;max-width:52ch}.config thead th{text-align:left}
.groups{columns:3 270px;column-gap:40px}.groups .scroll{break-inside:avoid;padding-bottom:24px}
.groups table{width:100%;min-width:0}.groups thead th{color:var(--ink);font-weight:650}.groups td{text-align:right;max-width:24ch}
.better{color:var(--good)}.worse{color:var(--bad)}
.swatch{display:inline-block;width:10px;height:10px;border-radius:3px;margin-right:8px}
.samples{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,380px),1fr));gap:16px}
.sample{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 16px;break-inside:avoid}
.sample h3{color:var(--soft);font-size:.82rem}
.sample p{white-space:pre-wrap;overflow-wrap:anywhere;margin:0}
.sample b{font-weight:650}
footer{margin-top:48px;color:var(--soft);font-size:.82rem}
@media (max-width:760px){.small{grid-template-columns:1fr}.large{overflow-x:auto}.large svg[role=img]{min-width:640px}.headline{font-size:1.35rem}main{padding:24px 16px}}
@media print{@page{margin:14mm}:root{--page:#fff}body{font-size:11pt}main{max-width:none;padding:0}figure,.facts,tr{break-inside:avoid}h2,h3{break-after:avoid}.scroll{overflow:visible}.small{grid-template-columns:repeat(3,1fr)}*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
`
