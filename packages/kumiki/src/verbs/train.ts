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
  plugin?: string
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
    'Train a tokenizer and a model on text; write weights and a report to a run folder.',
    (c) =>
      c
        .option('--preset <name>', 'a known model and its recipe, scaled to this machine (default: nano)')
        .option('--config <file>', 'JSON: { name, architecture: {...}, run: {...} }, overrides the preset')
        .option('--data <path...>', 'texts: files, or folders of .txt, .md, .jsonl (default: a small built-in corpus)')
        .option(
          '--data-path <words...>',
          'token files instead of texts: prefixes of .bin and .idx files, or alternating weights and prefixes; needs --tokenizer',
        )
        .option(
          '--tokenizer <file>',
          'SentencePiece model or tokenizer.json, or a folder with one (default: one is trained on the text)',
        )
        .addOption(
          choice(
            '--order <order>',
            "order of token files: Megatron-LM's, or windows shuffled by seed (default: megatron)",
            ['megatron', 'packed'],
          ),
        )
        .option('--split <parts>', 'split of token files: training, held-out, rest (default: 969,30,1)')
        .option('--steps <n>', 'optimizer steps', integer(1, 1e9))
        .option('--batch-size <n>', 'sequences per step', integer(1, 1 << 20))
        .option('--accumulation <n>', 'gradient accumulation: micro-batches per step', integer(1, 1 << 20))
        .option('--sequence-length <n>', 'tokens per sequence', integer(1, 1 << 24))
        .option('--learning-rate <rate>', 'peak learning rate', real({ above: 0, to: 100 }))
        .option(
          '--optimizer <name|json>',
          'such as adamw, lion, muon, or {"kind":"adamw","epsilon":1e-5}; without a kind, the options override those of the preset',
          nameOrJson,
        )
        .option(
          '--schedule <name|json>',
          'learning-rate schedule: constant, cosine, inverseSqrt, linear, wsd, or any kind of @kumiki/optim as JSON',
          nameOrJson,
        )
        .option('--plugin <module>', 'ES module that exports custom schedules and optimizers by kind')
        .option('--warmup <n>', 'warmup steps', integer(0, 1e9))
        .option('--vocab-size <n>', 'vocabulary size of the tokenizer trained on the text', integer(260, 1 << 24))
        .addOption(choice('--precision <policy>', 'precision policy: storage formats in training', precisionNames))
        .addOption(device)
        .addOption(threads)
        .option('--seed <n>', 'seed of the initial weights and the data order', integer(0, 2 ** 32 - 1))
        .option('--out <folder>', 'run folder (default: runs/NAME-DATE)')
        .option('--overwrite', 'remove an existing run in --out')
        .option(
          '--resume <run[@step]>',
          'resume a run from its newest checkpoint, or from that of a step; steps, learning rate, schedule, warmup, batch size, precision and optimizer options may be changed',
        )
        .option(
          '--branch <run@step>',
          'a new run that branches off another at a checkpoint and decays its learning rate; with --decay',
        )
        .option(
          '--decay <steps|tokens>',
          'length of the decay of --branch: 100000 (steps) or "400M tokens"; minus_sqrt shape, to --decay-to',
          stepsOrTokens,
        )
        .option('--decay-to <rate>', 'final learning rate of a branch (default: 0)', real({ from: 0, to: 100 }))
        .option(
          '--from <run[@step]>',
          "a new run initialized with another's weights; schedule, optimizer and data start fresh",
        )
        .option(
          '--average-decay <d>',
          'keep an exponential moving average of the weights; evaluate and export it',
          real({ from: 0, to: 0.999999999 }),
        )
        .option(
          '--evaluate-every <n>',
          'steps between held-out evaluations (default: an eighth of the run)',
          integer(1, 1e9),
        )
        .option('--sample', 'generate samples at every evaluation (samples.jsonl)')
        .option('--early-stop <n>', 'stop after this many evaluations without improvement', integer(1, 1e6))
        .option(
          '--max-minutes <m>',
          'finish the run after this many minutes of training, including earlier processes of the run',
          real({ above: 0, to: 1e7 }),
        )
        .option('--max-tokens <n>', 'stop after this many tokens, such as 300M', amount(1e18))
        .addOption(
          choice('--on-nan <what>', 'if the loss or gradient is NaN or infinite (default: stop)', ['stop', 'rewind']),
        )
        .addOption(
          choice('--on-full-disk <what>', 'if metrics or a checkpoint cannot be written (default: stop)', [
            'stop',
            'continue',
          ]),
        )
        .option('--tensorboard [folder]', 'write TensorBoard event files (default: tensorboard/ in the run folder)')
        .option('--ui [port]', 'a live page on 127.0.0.1 (default: any free port)', integer(0, 65535))
        .option('--checkpoint-every <n>', 'steps between checkpoints (default: a tenth of the run)', integer(1, 1e9))
        .option(
          '--checkpoint-minutes <m>',
          'maximum minutes between checkpoints (default: 0.5)',
          real({ above: 0, to: 1e6 }),
        )
        .option('--keep <n>', 'number of newest checkpoints to keep (default: 2)', integer(1, 1e6))
        .option('--keep-every <n>', 'keep checkpoints at multiples of this step permanently', integer(1, 1e9))
        .addHelpText(
          'after',
          `
Ctrl-C (SIGINT), SIGTERM and SIGHUP stop after the current step, with a checkpoint: exit code 0. A second signal, or one before the first checkpoint, exits with 130, 143 or 129.`,
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
