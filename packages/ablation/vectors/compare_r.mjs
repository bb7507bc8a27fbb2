/**
 * Holds anova.json (statsmodels) and its Lenth's margins' data to R itself, in WebAssembly: lm and drop1 (type III by
 * sum contrasts), confint, p.adjust. Prints R's version and the greatest relative difference of each case.
 *
 *     npm install --prefix /tmp/r webr && node compare_r.mjs /tmp/r/node_modules/webr/dist/webr.mjs
 */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const { WebR } = await import(pathToFileURL(resolve(process.argv[2])).href)
const { cases } = JSON.parse(readFileSync(new URL('./anova.json', import.meta.url), 'utf8'))
const r = new WebR()
await r.init()
console.log(await r.evalRString('R.version.string'))
const numbers = async (code) => (await (await r.evalR(code)).toArray()).map(Number)
for (const one of cases) {
  const { levels, runs, responses, interactions, blocks } = one
  const rows = runs.flatMap((run, i) =>
    [responses[i]].flat().flatMap((y) => (y === null ? [] : [{ run, y, block: blocks?.[i] }])),
  )
  const column = (of) => `c(${rows.map(of).join(',')})`
  const main = levels.map((_, k) => `F${k}`)
  const terms = [...main, ...interactions.map((own) => own.map((k) => main[k]).join(':')), ...(blocks ? ['B'] : [])]
  await r.evalRVoid(`
    options(contrasts = c('contr.sum', 'contr.poly'))
    d <- data.frame(${main.map((name, k) => `${name} = factor(${column(({ run }) => run[k])})`).join(', ')}${blocks ? `, B = factor(${column(({ block }) => block)})` : ''}, y = ${column(({ y }) => y)})
    fit <- lm(y ~ ${terms.join(' + ')}, d)
    table <- drop1(fit, .~., test = 'F')
    p <- table[['Pr(>F)']][-1]
  `)
  let most = 0
  const hold = (got, want) => {
    most = Math.max(most, Math.abs(got - want) / Math.max(Math.abs(want), 1e-300))
  }
  const [df, ss, f, p, holm, bh] = await Promise.all(
    [
      "table[['Df']][-1]",
      "table[['Sum of Sq']][-1]",
      "table[['F value']][-1]",
      'p',
      "p.adjust(p, 'holm')",
      "p.adjust(p, 'BH')",
    ].map(numbers),
  )
  const row = (await numbers('rownames(table)')).length - 1
  if (row !== terms.length) throw new Error(`${one.name}: ${row} terms`)
  const names = (await (await r.evalR('rownames(table)[-1]')).toArray()).map(String)
  for (const [i, name] of names.entries()) {
    const want = one.terms[terms.indexOf(name)]
    hold(df[i], want.df)
    hold(ss[i], want.ss)
    hold(f[i], want.F)
    hold(p[i], want.p)
    hold(holm[i], want.holm)
    hold(bh[i], want.bh)
    if (want.difference === undefined) continue
    const [estimate, error] = await numbers(`summary(fit)$coefficients['${name}1', 1:2]`)
    const [low, high] = await numbers(`confint(fit)['${name}1', ]`)
    hold(-2 * estimate, want.difference)
    hold(2 * error, want.standardError)
    hold(-2 * high, want.interval[0])
    hold(-2 * low, want.interval[1])
  }
  const [freedom, residual, square, mean] = await numbers(
    'c(df.residual(fit), deviance(fit), summary(fit)$r.squared, coef(fit)[[1]])',
  )
  hold(freedom, one.residual[0])
  hold(residual, one.residual[1])
  hold(square, one.rSquared)
  hold(mean, one.mean)
  console.log(`${most.toExponential(1)}  ${one.name}`)
}
await r.close()
process.exit(0)
