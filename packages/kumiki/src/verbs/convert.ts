/** `kumiki convert` */
import type { Command } from 'commander'
import { choice } from '../flags/flag-values.ts'
import type { ConvertOptions } from '../models/convert-command.ts'
import { addVerb, answer } from '../verb.ts'

export function addConvert(program: Command): void {
  addVerb(
    program,
    'convert',
    'Convert a model: for the Hugging Face Hub with a model card, for llama.cpp, or for Kumiki.',
    (c) =>
      c
        .requiredOption(
          '--model <folder>',
          'a run folder, a Hugging Face model folder, an adapter, hf:OWNER/NAME, or a .gguf file',
        )
        .addOption(choice('--to <form>', 'output format', ['hf', 'gguf', 'kumiki']).makeOptionMandatory())
        .requiredOption('--out <folder>', 'output folder; must be new or empty')
        .addOption(
          choice('--type <type>', 'storage format of the weights (default: unchanged; gguf: f16; kumiki: f32)', [
            ...['f32', 'f16', 'bf16', 'q8_0'],
          ]),
        )
        .option('--name <name>', 'name in the model card (default: the name of the folder)')
        .option(
          '--licence <id>',
          "licence in the model card, such as apache-2.0 (default: that of the model's own card; for runs apache-2.0)",
        ),
    convert,
  )
}

async function convert({ json, ...options }: ConvertOptions & { json?: boolean }): Promise<void> {
  const { runConvert } = await import('../models/convert-command.ts')
  const made = await runConvert(options)
  answer({ json }, made, () => `${made.out}: ${made.files.join(', ')}`)
}
