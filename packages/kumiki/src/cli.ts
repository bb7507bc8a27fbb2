/** The command line program: its commands and exit codes. */
import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { suggestionFor } from './flags/nearest.ts'
import { UsageError } from './usage-error.ts'
import { oneLine, prepare, VerbError } from './verb.ts'
import { addAblate } from './verbs/ablate.ts'
import { addAverage } from './verbs/average.ts'
import { addConvert } from './verbs/convert.ts'
import { addData } from './verbs/data.ts'
import { addDoctor } from './verbs/doctor.ts'
import { addEstimate } from './verbs/estimate.ts'
import { addEvaluate } from './verbs/evaluate.ts'
import { addFinetune } from './verbs/finetune.ts'
import { addGenerate } from './verbs/generate.ts'
import { addHandoff } from './verbs/handoff.ts'
import { addModel } from './verbs/model.ts'
import { addPlan } from './verbs/plan.ts'
import { addReport } from './verbs/report.ts'
import { addTokenizer } from './verbs/tokenizer.ts'
import { addTrain } from './verbs/train.ts'
import { addWatch } from './verbs/watch.ts'
import { welcome } from './welcome.ts'

/** The complete command line. Commands load the packages they need when they run. */
export function createProgram(): Command {
  const program = prepare(new Command('kumiki'), 'kumiki')
    .description('Train small language models as LLM-jp does, and plan the training of large ones.')
    .version(version(), '--version', 'the version of this program')
    .addHelpText(
      'after',
      '\nCompletion of verbs, flags and their values: source <(kumiki complete bash), or zsh, fish, powershell.\n\nExit codes: 0 success, 1 failure, 2 wrong use; 130, 143 or 129 if SIGINT, SIGTERM or SIGHUP ended a run without a checkpoint.',
    )
  for (const add of [
    addTrain,
    addFinetune,
    addGenerate,
    addEvaluate,
    addConvert,
    addTokenizer,
    addModel,
    addPlan,
    addEstimate,
    addData,
    addAblate,
    addReport,
    addAverage,
    addHandoff,
    addWatch,
    addDoctor,
  ])
    add(program)
  return program
}

/** The package's version; source and build folders are at the same depth. */
function version(): string {
  return JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version
}

/**
 * Runs one command line.
 * @param argv arguments after the program's name
 * @returns the exit code: 0 success, 1 failure, 2 wrong use
 */
export async function main(argv: readonly string[]): Promise<number> {
  if (argv.length === 0) {
    process.stdout.write(welcome)
    return 0
  }
  try {
    const program = createProgram()
    // `completion` is what other programs call it.
    const words = [argv[0] === 'completion' ? 'complete' : argv[0], ...argv.slice(1)]
    if (words[0] === 'complete') {
      const { default: addCompletion } = await import('@bomb.sh/tab/commander')
      addCompletion(program)
    }
    await program.parseAsync(words, { from: 'user' })
    return typeof process.exitCode === 'number' ? process.exitCode : 0
  } catch (error) {
    // Commander has already printed the fault.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    if (!(error instanceof VerbError)) throw error
    process.stderr.write(`${error.verb}: ${oneLine(error.message)}${suggestionFor(error)}\n`)
    if (process.env.KUMIKI_DEBUG) process.stderr.write(`${(error.cause as Error)?.stack ?? error.cause}\n`)
    if (error.cause instanceof UsageError) return 2
    // A run stopped by a signal has the exit code that shells expect.
    const { exitCode } = (error.cause ?? {}) as { exitCode?: unknown }
    return typeof exitCode === 'number' ? exitCode : 1
  }
}
