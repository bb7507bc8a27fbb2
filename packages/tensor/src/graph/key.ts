// Cache keys: strings that are equal exactly for indistinguishable values.

/**
 * A string that is equal for two values exactly if they are indistinguishable: numbers by `Object.is` (NaN, -0 and the
 * infinities are all different), strings, booleans and the like by value, plain objects, arrays and typed arrays by
 * content, and everything else (functions, Maps, instances of classes) by identity. All cache keys are made by this
 * function, so that different values never share one.
 *
 * @throws TypeError if an object contains itself
 */
export function keyOf(x: unknown): string {
  return write(x, [])
}

/** @param above the objects that contain x, outermost first */
function write(x: unknown, above: object[]): string {
  switch (typeof x) {
    case 'number':
      return Object.is(x, -0) ? '-0' : String(x)
    case 'string':
      return JSON.stringify(x)
    case 'bigint':
      return `${x}n`
    case 'boolean':
    case 'undefined':
      return String(x)
    case 'symbol':
      return identityOf(x)
  }
  if (x === null) return 'null'
  const object = x as object
  if (above.includes(object)) throw new TypeError('key: an object contains itself')
  above.push(object)
  const text = contentOf(object, above)
  above.pop()
  return text
}

function contentOf(object: object, above: object[]): string {
  if (ArrayBuffer.isView(object) && !(object instanceof DataView)) {
    const items = Array.from(object as Float32Array, (item) => write(item, above))
    return `${object.constructor.name}[${items.join(',')}]`
  }
  if (Array.isArray(object)) {
    let text = ''
    for (let i = 0; i < object.length; i++) {
      // A hole is not undefined.
      const item = i in object ? write(object[i], above) : ''
      text += i === 0 ? item : `,${item}`
      if (item === '' && i === object.length - 1) text += ','
    }
    return `[${text}]`
  }
  if (isPlain(object)) {
    const entries = Object.entries(object).map(([key, value]) => `${JSON.stringify(key)}:${write(value, above)}`)
    return `{${entries.sort().join(',')}}`
  }
  return identityOf(object)
}

function isPlain(x: object): boolean {
  const prototype = Object.getPrototypeOf(x)
  const plain = prototype === Object.prototype || prototype === null
  return plain && Object.getOwnPropertySymbols(x).length === 0
}

const identities = new WeakMap<object, number>()
const symbols = new Map<symbol, number>()
let nextIdentity = 1

/** `@` and a number that is unique to this object for the lifetime of the process. */
export function identityOf(x: object | symbol): string {
  const known = (typeof x === 'symbol' ? symbols : identities) as Map<object | symbol, number>
  let id = known.get(x)
  if (id === undefined) known.set(x, (id = nextIdentity++))
  return `@${id}`
}
