/**
 * `docs/command-line.md` is generated from the program: run this file with `-u` to write it. Welcome text and shell
 * completion.
 */
import type { Command } from 'commander'
import { expect, test } from 'vitest'
import { createProgram, main } from '../src/cli.ts'
import { welcome } from '../src/welcome.ts'

const pathOf = (command: Command): string =>
  command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name()
const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('<', '&lt;')

/** A verb without its group: its use, arguments and flags. */
function section(command: Command): string[] {
  const help = command.createHelp()
  const rows = [
    ...help.visibleArguments(command).map((a) => [a.name(), help.argumentDescription(a)]),
    ...help.visibleOptions(command).map((o) => [o.flags, help.optionDescription(o)]),
  ].filter(([flags]) => !flags.includes('--help'))
  return [
    `## ${pathOf(command)}`,
    '',
    command.description(),
    '',
    '```sh',
    `${pathOf(command)} ${command.usage()}`,
    '```',
    '',
    ...(rows.length > 0
      ? [
          '|     |     |',
          '| --- | --- |',
          ...rows.map(([a, b]) => `| \`${a.replaceAll('|', '\\|')}\` | ${cell(b)} |`),
          '',
        ]
      : []),
  ]
}

/** Every command that does something, in the order of the help. */
function verbs(command: Command): Command[] {
  const inner = command
    .createHelp()
    .visibleCommands(command)
    .filter((c) => c.name() !== 'help')
  return inner.length > 0 ? inner.flatMap(verbs) : [command]
}

test('docs/command-line.md says what the program takes', async () => {
  const page = [
    '# The command line',
    '',
    'Generated from the program; `kumiki VERB --help` prints the same. In a checkout use `npm run -s kumiki -- ARGS` for `kumiki ARGS`.',
    '',
    'Every verb has `--json`: one JSON document on stdout, while progress and notes go to stderr. Exit codes: 0 success, 1 failure, 2 usage error;',
    '130, 143 or 129 if SIGINT, SIGTERM or SIGHUP ended a run that has saved nothing. `source <(kumiki complete bash)` completes verbs, flags',
    'and their values (zsh, fish and powershell too).',
    '',
    ...verbs(createProgram()).flatMap(section),
  ]
  await expect(`${page.join('\n').trimEnd()}\n`).toMatchFileSnapshot('../../../docs/command-line.md')
})

async function printed(argv: readonly string[]): Promise<{ code: number; output: string }> {
  const lines: string[] = []
  const { log } = console
  const { write } = process.stdout
  console.log = (...words) => void lines.push(`${words.join(' ')}\n`)
  process.stdout.write = ((text: string) => lines.push(text) > 0) as typeof write
  try {
    return { code: await main(argv), output: lines.join('') }
  } finally {
    console.log = log
    process.stdout.write = write
  }
}

test('alone it says what to do next, in commands that there are', async () => {
  expect(await printed([])).toEqual({ code: 0, output: welcome })
  const known = new Set(verbs(createProgram()).map(pathOf))
  const shown = [...welcome.matchAll(/^ {2}(kumiki [a-z ]+?)(?= -| [A-Z]| llm| {2}|$)/gm)].map(([, words]) => words)
  expect(shown.length).toBeGreaterThan(4)
  expect(shown.filter((words) => ![...known].some((verb) => words.startsWith(verb)))).toEqual([])
})

test('shells complete verbs, flags and the values that a flag has', async () => {
  const script = await printed(['complete', 'bash'])
  expect(script.code).toBe(0)
  expect(script.output).toContain('complete -F')
  const words = async (...typed: string[]) =>
    (await printed(['complete', '--', ...typed])).output.split('\n').map((line) => line.split('\t')[0])
  expect(await words('tr')).toContain('train')
  expect(await words('tokenizer', 'en')).toContain('encode')
  expect(await words('plan', '--glo')).toContain('--global-batch')
  expect(await words('plan', '--emit', '')).toEqual(expect.arrayContaining(['megatron', 'slurm', 'torchtitan']))
})
