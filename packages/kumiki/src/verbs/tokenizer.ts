/** `kumiki tokenizer encode|decode|train|inspect`: the verbs and their flags. */
import { type Command, Option } from 'commander'
import { byteSize, choice, collect, integer, real } from '../flags/flag-values.ts'
import { addCommand, addVerb } from '../verb.ts'
import { decode, encode } from './tokenizer-encode.ts'
import { inspect } from './tokenizer-inspect.ts'
import { train } from './tokenizer-train.ts'

const modelFlag = ['--model <file>', 'a SentencePiece model, a tokenizer.json or a tekken.json'] as const

export function addTokenizer(program: Command): void {
  const group = addCommand(program, 'tokenizer', 'Encode and decode text; train and inspect tokenizers.')
  addVerb(
    group,
    'encode',
    'Encode each line of stdin to a JSON array of ids on stdout, without BOS or EOS.',
    (c) =>
      c
        .requiredOption(...modelFlag)
        .option('--special-tokens', 'add BOS and EOS tokens')
        .option(
          '--details',
          'one JSON object per line: ids, pieces, offsets; with a tokenizer.json also type ids, word ids, masks and overflow',
        )
        .option('--pairs', 'each line has two texts separated by a tab (tokenizer.json)')
        .option('--as-file', 'truncate and pad as the tokenizer.json specifies')
        .option('--threads <n>', 'worker threads that encode; the output is the same', integer(1, 1024)),
    encode,
  )
  addVerb(
    group,
    'decode',
    'Decode each line of stdin, a JSON array of ids, to a line of text on stdout.',
    (c) => c.requiredOption(...modelFlag),
    decode,
  )
  addVerb(
    group,
    'train',
    "Train a model with LLM-jp's settings (byte fallback, split digits, whitespace pieces).",
    (c) =>
      c
        .requiredOption('--model <file>', 'output file')
        .option(
          '--vocab-size <n>',
          'vocabulary size, including control and byte pieces (not with --recipe)',
          integer(1, 2 ** 24),
        )
        .option('--data <path...>', 'texts: files or folders of .txt, .md, .jsonl (default: a small built-in corpus)')
        .addOption(choice('--type <type>', 'model type', ['unigram', 'bpe'], 'unigram'))
        .option(
          '--character-coverage <share>',
          'fraction of characters covered by the vocabulary',
          real({ above: 0, to: 1 }),
          0.9995,
        )
        .addOption(
          choice(
            '--normalization <name>',
            'SentencePiece normalization rules; they become part of the model',
            ['identity', 'nfkc', 'nmt_nfkc', 'nfkc_cf', 'nmt_nfkc_cf'],
            'identity',
          ),
        )
        .option('--fixed-pieces <file>', 'pieces that are always included, one per line, spaces as ▁ (unigram)')
        .addOption(
          new Option(
            '--recipe <file>',
            'train in stages, one language after another, and re-estimate all scores at the end, as for LLM-jp-3 (JSON; unigram)',
          ).conflicts(['data', 'vocabSize', 'fixedPieces', 'hardVocabLimit']),
        )
        .addOption(
          new Option(
            '--memory <size>',
            'memory limit (2GB, 512MiB): what does not fit goes to disk; the model is the same',
          ).argParser(byteSize),
        )
        .option(
          '--work-folder <folder>',
          'with --memory: folder for intermediate files, from which training resumes (default: next to the model)',
        )
        .option('--seed-size <n>', 'initial candidates (unigram; default 1,000,000)', integer(1, 2 ** 30))
        .option('--no-byte-fallback', 'unknown characters are <unk>, not bytes')
        .option('--no-split-digits', 'allow pieces with several digits')
        .option('--no-hard-vocab-limit', 'allow a smaller vocabulary if the text has too few pieces')
        .option('--user-symbol <text>', 'text that is always a single piece (repeatable)', collect)
        .option('--control-symbol <text>', 'a piece that no text matches (repeatable)', collect),
    train,
  )
  addVerb(
    group,
    'inspect',
    'Describe a tokenizer; with --text, tokenize a text.',
    (c) => c.requiredOption(...modelFlag).option('--text <text>', 'a text to tokenize'),
    inspect,
  )
}
