/** `kumiki train` */
import type { Command } from 'commander'
import { amount, choice, deviceOptions, integer, nameOrJson, real, stepsOrTokens } from '../flags/flag-values.ts'
import { precisionNames } from '../flags/precision-names.ts'
import { type RunFlags, takeRunFlags } from '../flags/run-flags.ts'
import { addVerb, answer, log } from '../verb.ts'

interface TrainFlags extends RunFlags {
  preset?: string
  config?: string
  data?: string[]
  dataPath?: string[]
  tokenizer?: string
  order?: 'megatron' | 'packed'
  split?: string
  kinds?: string
  device: 'auto' | 'webgpu' | 'cpu'
  threads?: number
  out?: string
  resume?: string
  overwrite?: boolean
  checkpointEvery?: number
  checkpointMinutes?: number
  keep?: number
  keepEvery?: number
  branch?: string
  decay?: { readonly steps: number } | { readonly tokens: number }
  decayTo?: number
  from?: string
  evaluateEvery?: number
  sample?: boolean
  earlyStop?: number
  maxMinutes?: number
  maxTokens?: number
  onNan?: 'stop' | 'rewind'
  onFullDisk?: 'stop' | 'continue'
  tensorboard?: string | true
  ui?: number | true
  json?: boolean
}

export function addTrain(program: Command): void {
  const [device, threads] = deviceOptions()
  addVerb(
    program,
    'train',
    'Train a model: text to tokenizer to weights to report, in one run folder.',
    (c) =>
      c
        .option('--preset <name>', 'a known model and its recipe, scaled to this machine (default: nano)')
        .option('--config <file>', 'JSON: { name, architecture: {...}, run: {...} }, over the preset')
        .option('--data <path...>', 'texts: files, or folders of .txt, .md, .jsonl (default: a small built-in corpus)')
        .option(
          '--data-path <words...>',
          'token files in place of texts: prefixes of .bin and .idx, or weights and prefixes by turns; with --tokenizer',
        )
        .option(
          '--tokenizer <file>',
          'SentencePiece model, or a folder with tokenizer.model (default: one is trained on the text)',
        )
        .addOption(
          choice('--order <order>', "of token files: Megatron-LM's own, or windows by seed (default: megatron)", [
            'megatron',
            'packed',
          ]),
        )
        .option('--split <parts>', 'of token files: what trains, what is held out, the rest (default: 969,30,1)')
        .option('--steps <n>', 'optimizer steps', integer(1, 1e9))
        .option('--batch-size <n>', 'sequences in a step', integer(1, 1 << 20))
        .option('--accumulation <n>', 'parts of a batch, one after another', integer(1, 1 << 20))
        .option('--sequence-length <n>', 'tokens in a sequence', integer(1, 1 << 24))
        .option('--learning-rate <rate>', 'peak learning rate', real({ above: 0, to: 100 }))
        .option(
          '--optimizer <name|json>',
          'such as adamw, lion, muon, or {"kind":"adamw","epsilon":1e-5}; without a kind, options over the preset\'s',
          nameOrJson,
        )
        .option(
          '--schedule <name|json>',
          'of the learning rate: constant, cosine, inverseSqrt, linear, wsd, or any kind of @kumiki/optim as JSON',
          nameOrJson,
        )
        .option('--kinds <module>', 'ES module that exports schedules and optimizers of your own, by kind')
        .option('--warmup <n>', 'steps of warm-up', integer(0, 1e9))
        .option('--vocab-size <n>', 'pieces of the tokenizer trained on the text', integer(260, 1 << 24))
        .addOption(choice('--precision <policy>', 'what numbers are stored in', precisionNames))
        .addOption(device)
        .addOption(threads)
        .option('--seed <n>', 'initial weights and order of the data', integer(0, 2 ** 32 - 1))
        .option('--out <folder>', 'run folder (default: runs/NAME-DATE)')
        .option('--overwrite', 'remove the run that is in --out')
        .option(
          '--resume <run[@step]>',
          'go on with a run from its newest checkpoint, or that of a step; steps, rate, schedule, warm-up, batch, precision and the options of the optimizer may be changed',
        )
        .option(
          '--branch <run@step>',
          'a new run that leaves another at a checkpoint and lets its rate fall; with --decay',
        )
        .option(
          '--decay <steps|tokens>',
          'length of that fall: 100000 (steps) or "400M tokens"; as minus_sqrt, to --decay-to',
          stepsOrTokens,
        )
        .option('--decay-to <rate>', 'where the rate of a branch ends (default: 0)', real({ from: 0, to: 100 }))
        .option(
          '--from <run[@step]>',
          "a new run that begins with another's weights; schedule, optimizer and data are fresh",
        )
        .option(
          '--average-decay <d>',
          'keep a moving average of the weights, and evaluate and export that',
          real({ from: 0, to: 0.999999999 }),
        )
        .option(
          '--evaluate-every <n>',
          'steps between held-out evaluations (default: an eighth of the run)',
          integer(1, 1e9),
        )
        .option('--sample', 'let the model write at every evaluation (samples.jsonl)')
        .option('--early-stop <n>', 'end after so many evaluations that were no better', integer(1, 1e6))
        .option(
          '--max-minutes <m>',
          'end after so much time, over all processes of the run, as if the steps were made',
          real({ above: 0, to: 1e7 }),
        )
        .option('--max-tokens <n>', 'end after so many tokens, such as 300M', amount(1e18))
        .addOption(choice('--on-nan <what>', 'where loss or gradient is no number (default: stop)', ['stop', 'rewind']))
        .addOption(
          choice('--on-full-disk <what>', 'where metrics or a checkpoint cannot be written (default: stop)', [
            'stop',
            'continue',
          ]),
        )
        .option('--tensorboard [folder]', 'event files for TensorBoard (default: tensorboard/ in the run folder)')
        .option('--ui [port]', 'a live page on 127.0.0.1 (default: any free port)', integer(0, 65535))
        .option('--checkpoint-every <n>', 'steps between checkpoints (default: a tenth of the run)', integer(1, 1e9))
        .option(
          '--checkpoint-minutes <m>',
          'minutes between checkpoints, at most (default: 0.5)',
          real({ above: 0, to: 1e6 }),
        )
        .option('--keep <n>', 'checkpoints that stay (default: 2)', integer(1, 1e6))
        .option('--keep-every <n>', 'checkpoints of steps that this divides stay for good', integer(1, 1e9))
        .addHelpText(
          'after',
          `
Ctrl-C (SIGINT), SIGTERM and SIGHUP stop after the current step, with a checkpoint: exit code 0. A second signal, or one before there is a checkpoint, gives 130, 143 or 129.`,
        ),
    train,
  )
}

async function train(options: TrainFlags): Promise<void> {
  const { runTrain } = await import('../train/train-command.ts')
  const { overrides, rest } = takeRunFlags(options)
  const summary = await runTrain({ ...rest, data: rest.data ?? [], overrides })
  if (!options.json)
    for (const { label, prompt, text } of summary.samples) log(`${label}: ${prompt}|${text.replace(/\s*\n\s*/g, ' ')}`)
  answer(options, summary, () => {
    const { heldOut, baselines, folder } = summary
    const figures = Object.entries({ model: heldOut, ...baselines }).map(
      ([name, { natsPerToken, bitsPerByte }]) =>
        `${name.padEnd(8)} ${natsPerToken.toFixed(3)} nats per token, ${bitsPerByte.toFixed(3)} bits per byte`,
    )
    return `held-out loss\n${figures.join('\n')}\n${folder}`
  })
}
