/** Declarations of tools in Harmony: TypeScript-like types generated from JSON schemas, as in openai-harmony. */
import { TokenizerError } from '../../tokenizer-error.ts'
import type { HarmonyTool } from './message.ts'

type Schema = Readonly<Record<string, unknown>>

const deepest = 64
const isObject = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

/** The declaration of a namespace of functions. @throws TokenizerError where a name is invalid or a schema too deep */
export function namespaceOf(name: string, tools: readonly HarmonyTool[]): string {
  const lines = [`## ${name}`, '', `namespace ${name} {`, '']
  for (const { name: tool, description, parameters } of tools) {
    if (!/^[\w.-]{1,256}$/.test(tool))
      throw new TokenizerError(
        `harmony: ${JSON.stringify(tool).slice(0, 80)} is not a valid function name; 1 to 256 letters, digits, _, - and . are allowed`,
      )
    for (const line of description.split('\n')) lines.push(`// ${line}`)
    lines.push(`type ${tool} = (${parameters ? `_: ${objectType(parameters as Schema, '', 0)}` : ''}) => any;`, '')
  }
  return [...lines, `} // namespace ${name}`].join('\n')
}

/** @param indent indentation of the fields */
function objectType(schema: Schema, indent: string, depth: number): string {
  if (depth > deepest) throw new TokenizerError(`harmony: a schema is nested more than ${deepest} deep`)
  const { description, properties } = schema
  const required = new Set(Array.isArray(schema.required) ? schema.required : [])
  let out = textOf(description) === undefined ? '' : `${indent}// ${description}\n`
  out += '{\n'
  for (const [name, property] of Object.entries(isObject(properties) ? properties : {}))
    out += fieldOf(name, isObject(property) ? property : {}, required.has(name), indent, depth)
  return `${out}${indent}}`
}

function fieldOf(name: string, schema: Schema, required: boolean, indent: string, depth: number): string {
  const { title, description, examples, oneOf } = schema
  let out = ''
  if (textOf(title) !== undefined) out += `${indent}// ${title}\n${indent}//\n`
  if (textOf(description) !== undefined) out += `${indent}// ${description}\n`
  if (Array.isArray(examples) && examples.length > 0)
    out += `${indent}// Examples:\n${examples.map((example) => `${indent}// - ${JSON.stringify(example)}\n`).join('')}`
  const optional = required ? '' : '?'
  if (Array.isArray(oneOf)) {
    if (schema.default !== undefined) out += `${indent}// default: ${shown(schema, schema.default)}\n`
    const variants = oneOf.map((variant) => {
      const of = isObject(variant) ? variant : {}
      const remark = of.default !== undefined ? `default: ${shown(of, of.default)}` : textOf(of.description)
      return `${indent} | ${typeOf(of, `${indent}   `, depth + 1)}${remark === undefined ? '' : ` // ${remark}`}\n`
    })
    return `${out}${indent}${name}${optional}:\n${variants.join('')}${indent},\n`
  }
  const remark = schema.default === undefined ? '' : ` // default: ${shown(schema, schema.default)}`
  return `${out}${indent}${name}${optional}: ${typeOf(schema, `${indent}    `, depth + 1)},${remark}\n`
}

function typeOf(schema: Schema, indent: string, depth: number): string {
  if (depth > deepest) throw new TokenizerError(`harmony: a schema is nested more than ${deepest} deep`)
  const type = plainType(schema, indent, depth)
  return schema.nullable === true && !type.includes('null') ? `${type} | null` : type
}

function plainType(schema: Schema, indent: string, depth: number): string {
  const { type, items, oneOf } = schema
  if (Array.isArray(oneOf))
    return oneOf.map((variant) => typeOf(isObject(variant) ? variant : {}, indent, depth + 1)).join(' | ')
  if (Array.isArray(type)) return type.map((one) => simpleTypes[String(one)] ?? 'any').join(' | ')
  if (type === 'object') return objectType(schema, indent, depth)
  if (type === 'array') return isObject(items) ? `${typeOf(items, indent, depth + 1)}[]` : 'Array<any>'
  if (type === 'string' && Array.isArray(schema.enum)) return schema.enum.map((one) => JSON.stringify(one)).join(' | ')
  return simpleTypes[String(type)] ?? 'any'
}

const simpleTypes: Readonly<Record<string, string>> = {
  string: 'string',
  number: 'number',
  integer: 'number',
  boolean: 'boolean',
  null: 'null',
}

/** A default value as JSON; values of string enums without quotes. */
function shown(schema: Schema, value: unknown): string {
  return Array.isArray(schema.enum) && typeof value === 'string' ? value : JSON.stringify(value)
}
