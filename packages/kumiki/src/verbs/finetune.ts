/** `kumiki finetune` */
import type { Command } from 'commander'
import type { FinetuneOptions } from '../chat/finetune-options.ts'
import { choice, deviceOptions, integer, nameOrJson, names, real } from '../flags/flag-values.ts'
import { precisionNames } from '../flags/precision-names.ts'
import { type RunFlags, takeRunFlags } from '../flags/run-flags.ts'
import { addVerb, answer } from '../verb.ts'

interface FinetuneFlags extends Omit<FinetuneOptions, 'data' | 'overrides'>, RunFlags {
  data?: string[]
  json?: boolean
}

export function addFinetune(program: Command): void {
  const [device, threads] = deviceOptions()
  addVerb(
    program,
    'finetune',
    'Fine-tune a model on conversations: all weights, or an adapter (LoRA).',
    (c) =>
      c
        .option('--model <folder>', 'a Hugging Face model folder, a finished run, or hf:OWNER/NAME')
        .option(
          '--data <file...>',
          'JSON lines of {"messages":[...]} or {"prompt":...,"completion":...}; or folders of them',
        )
        .option(
          '--template <name|file>',
          "llm-jp-3, llm-jp-3-system, chatml, llama-3, gemma, harmony, or a .jinja file (default: the model's)",
        )
        .option('--lora <rank>', 'train an adapter of this rank, with the base weights frozen', integer(1, 65536))
        .option(
          '--lora-alpha <x>',
          'LoRA alpha; the adapter is scaled by alpha / rank (default: twice the rank)',
          real({ above: 0, to: 1e6 }),
        )
        .option('--lora-targets <names>', 'comma-separated layers, such as q_proj,v_proj (default: all-linear)', names)
        .addOption(
          choice(
            '--base-precision <format>',
            'storage format of the frozen base weights; fp8: 8 bits, with a scale per 32 values',
            ['f32', 'bf16', 'fp8'],
          ),
        )
        .option('--merge', 'merge the adapter into the weights at the end')
        .option('--epochs <n>', 'passes over the data (default: 3)', real({ above: 0, to: 1e6 }))
        .option('--steps <n>', 'optimizer steps, instead of epochs', integer(1, 1e9))
        .option('--batch-size <n>', 'sequences per step (default: 8)', integer(1, 1 << 20))
        .option('--accumulation <n>', 'gradient accumulation: micro-batches per step', integer(1, 1 << 20))
        .option(
          '--sequence-length <n>',
          'tokens per sequence (default: the length of the longest conversation, at most 1024)',
          integer(8, 1 << 24),
        )
        .addOption(
          choice('--too-long <what>', 'what to do with longer conversations (default: truncate)', [
            'truncate',
            'drop',
            'refuse',
          ]),
        )
        .option(
          '--learning-rate <rate>',
          'peak learning rate (default: 2e-5; with --lora 2e-4)',
          real({ above: 0, to: 100 }),
        )
        .option('--schedule <name|json>', 'learning-rate schedule (default: cosine to a tenth)', nameOrJson)
        .option('--warmup <n>', 'warmup steps (default: 3 % of the steps)', integer(0, 1e9))
        .option('--optimizer <name|json>', 'default: adamw without weight decay', nameOrJson)
        .addOption(choice('--precision <policy>', 'precision policy: storage formats in training', precisionNames))
        .option('--eval-data <file...>', 'conversations for evaluation')
        .option(
          '--eval-split <part>',
          'fraction of the data held out instead (default: 0.05)',
          real({ from: 0, to: 0.9 }),
        )
        .option('--evaluate-every <n>', 'steps between evaluations (default: an eighth of the run)', integer(1, 1e9))
        .addOption(device)
        .addOption(threads)
        .option('--seed <n>', 'seed of the adapter and the data order', integer(0, 2 ** 32 - 1))
        .option('--out <folder>', 'run folder (default: runs/finetune-NAME-DATE)')
        .option('--overwrite', 'remove an existing run in --out')
        .option('--resume <run[@step]>', 'resume from its newest checkpoint, or from that of a step')
        .option('--checkpoint-every <n>', 'steps between checkpoints (default: a tenth of the run)', integer(1, 1e9))
        .option('--checkpoint-minutes <m>', 'maximum minutes between checkpoints', real({ above: 0, to: 1e6 }))
        .option('--keep <n>', 'number of newest checkpoints to keep (default: 2)', integer(1, 1e6))
        .addHelpText(
          'after',
          `
Only the answers contribute to the loss; conversations are packed into sequences without attending to each other. Answers with "weight": 0 do not contribute.
The run folder contains a model that Transformers loads, or with --lora an adapter that PEFT loads.

Examples:
  kumiki finetune --model runs/nano --data chat.jsonl --template llm-jp-3 --learning-rate 1e-3 --out tuned
  kumiki finetune --model hf:llm-jp/llm-jp-3-150m-instruct3 --data chat.jsonl --lora 16 --base-precision fp8
  kumiki generate --checkpoint tuned --chat`,
        ),
    finetune,
  )
}

async function finetune(flags: FinetuneFlags): Promise<void> {
  const { runFinetune } = await import('../chat/finetune-command.ts')
  const { overrides, rest } = takeRunFlags(flags)
  const { json, data = [], ...options } = rest
  const finished = await runFinetune({ ...options, data, overrides })
  answer({ json }, finished, () => {
    const { folder, kind, heldOut, steps: made, seconds, conversations } = finished
    const loss = (value: number | null) => value?.toFixed(4) ?? 'not measured'
    return [
      `${conversations.train} conversations, ${made} steps, ${seconds.toFixed(0)} s`,
      ...(heldOut
        ? [`held-out loss: ${loss(heldOut.before)} nats per answer token before, ${loss(heldOut.after)} after`]
        : []),
      `${kind} in ${folder}; try it: kumiki generate --checkpoint ${folder} --chat`,
    ].join('\n')
  })
}
