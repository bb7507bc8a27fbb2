/** Parser of Python list literals of strings and numbers, which choice templates produce: `['yes', "no"]`. */

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '\\': '\\', "'": "'", '"': '"' }

/** @throws SyntaxError for anything but a list of strings, numbers, True, False and None */
export function parsePythonList(source: string): (string | number | boolean | null)[] {
  let at = 0
  const fail = (what: string): never => {
    throw new SyntaxError(
      `${what} at character ${at} of ${JSON.stringify(source.slice(0, 200))}: expected a Python list of strings`,
    )
  }
  const space = () => {
    while (/\s/.test(source[at] ?? '')) at++
  }
  const text = (quote: string): string => {
    let out = ''
    for (at++; source[at] !== quote; at++) {
      if (at >= source.length) fail('unterminated string')
      if (source[at] !== '\\') out += source[at]
      else {
        const code = source[++at]
        const hex = { x: 2, u: 4, U: 8 }[code]
        if (hex) {
          const digits = source.slice(at + 1, at + 1 + hex)
          if (!/^[0-9a-f]+$/i.test(digits) || digits.length < hex || Number.parseInt(digits, 16) > 0x10ffff)
            fail('invalid escape')
          out += String.fromCodePoint(Number.parseInt(digits, 16))
          at += hex
        } else out += escapes[code] ?? `\\${code}`
      }
    }
    at++
    return out
  }
  const value = () => {
    if (source[at] === "'" || source[at] === '"') return text(source[at])
    const word = /^[-+\w.]+/.exec(source.slice(at, at + 40))?.[0] ?? ''
    at += word.length
    if (word === 'True' || word === 'False') return word === 'True'
    if (word === 'None') return null
    return word !== '' && Number.isFinite(Number(word)) ? Number(word) : fail('unexpected value')
  }
  const list: (string | number | boolean | null)[] = []
  space()
  if (source[at++] !== '[') fail("missing '['")
  for (space(); source[at] !== ']'; space()) {
    list.push(value())
    space()
    if (source[at] === ',') at++
    else if (source[at] !== ']') fail('missing comma')
    space()
  }
  at++
  space()
  if (at < source.length) fail("text after ']'")
  return list
}
