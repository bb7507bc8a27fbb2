/** Jinja templates of evaluation tasks: default settings of Jinja, and undefined variables are errors. */
import { Environment, type Interpreter, parse, tokenize } from '@huggingface/jinja'
import { TokenizerError } from '../tokenizer-error.ts'
import { BoundedInterpreter, checkTemplateSize } from './bounded-interpreter.ts'

/**
 * Rewrites non-ASCII identifiers within tags, outside string literals, to ASCII ones: the library supports only ASCII
 * names, but fields of Japanese data have Japanese names.
 */
function withKnownNames(source: string): string {
  return source.replace(/\{\{[\s\S]*?\}\}|\{%[\s\S]*?%\}/g, (tag) =>
    tag.replace(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[\p{ID_Start}_][\p{ID_Continue}]*/gsu, (part) =>
      /^['"]/.test(part) ? part : knownName(part),
    ),
  )
}

const prefix = 'u__'
const knownName = (name: string): string =>
  /^[\x20-\x7e]*$/.test(name) ? name : prefix + [...name].map((c) => c.codePointAt(0)!.toString(16)).join('_')

/** The inverse of `knownName`. */
const originalName = (name: string): string =>
  name.startsWith(prefix)
    ? String.fromCodePoint(
        ...name
          .slice(prefix.length)
          .split('_')
          .map((code) => Number.parseInt(code, 16)),
      )
    : name

/** An interpreter that throws on undefined variables, like Jinja's StrictUndefined. */
class StrictInterpreter extends BoundedInterpreter {
  override evaluate(...given: Parameters<Interpreter['evaluate']>): ReturnType<Interpreter['evaluate']> {
    const result = super.evaluate(...given)
    const [node] = given
    if (node?.type === 'Identifier' && result.type === 'UndefinedValue')
      throw new Error(`the variable ${originalName((node as unknown as { value: string }).value)} is undefined`)
    return result
  }
}

/**
 * Compiles a Jinja template. Undefined variables are errors, and names of variables may be non-ASCII.
 * @param source the template; a newline at its end is kept
 * @returns a function that renders it with variables
 * @throws TokenizerError where the template is invalid, takes too long, or reads an undefined variable
 * @example textTemplate('Q: {{question}}\nA:')({ question: '2 + 2' }) // 'Q: 2 + 2\nA:'
 */
export function textTemplate(source: string): (variables: Readonly<Record<string, unknown>>) => string {
  try {
    checkTemplateSize(source)
    // The library drops one newline at the end.
    const program = parse(tokenize(withKnownNames(source.endsWith('\n') ? `${source}\n` : source)))
    return (variables) => {
      try {
        const environment = new Environment()
        for (const [name, value] of Object.entries({
          true: true,
          false: false,
          none: null,
          True: true,
          False: false,
          None: null,
          ...variables,
        }))
          environment.set(knownName(name), value)
        return String(new StrictInterpreter(environment).run(program).value)
      } catch (error) {
        throw failure(source, error)
      }
    }
  } catch (error) {
    throw failure(source, error)
  }
}

function failure(source: string, error: unknown): TokenizerError {
  if (error instanceof TokenizerError) return error
  const shown = source.length > 80 ? `${source.slice(0, 77)}...` : source
  return new TokenizerError(`the template ${JSON.stringify(shown)}: ${(error as Error).message}`)
}
