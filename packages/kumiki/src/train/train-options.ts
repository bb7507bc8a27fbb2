/** The options of `kumiki train`, from its flags. */
import type { RunConfigurationChanges } from '@kumiki/train'

export interface TrainCommandOptions {
  readonly preset?: string
  readonly config?: string
  /** Files and folders of text; empty: the built-in corpus. */
  readonly data: readonly string[]
  /** Token files, as Megatron-LM's `--data-path`. */
  readonly dataPath?: readonly string[]
  /** SentencePiece model; default: one is trained on the text. */
  readonly tokenizer?: string
  /** The order of samples of token files, and their split. */
  readonly order?: 'megatron' | 'packed'
  readonly split?: string
  readonly overrides: RunConfigurationChanges
  /** A module with further schedules and optimizers. */
  readonly plugin?: string
  readonly device: 'auto' | 'webgpu' | 'cpu'
  readonly threads?: number
  /** Run folder; default runs/NAME-DATE. */
  readonly out?: string
  /** Replace an existing run in `out`. */
  readonly overwrite?: boolean
  /** A run folder to resume, or `RUN@STEP`: its run.json applies, with `overrides` on top. */
  readonly resume?: string
  /** Steps between checkpoints. Default: a tenth of the run, at most 500. */
  readonly checkpointEvery?: number
  /** Maximum minutes between checkpoints. Default 0.5. */
  readonly checkpointMinutes?: number
  /** Number of newest checkpoints that are kept. Default 2. */
  readonly keep?: number
  /** Checkpoints of steps that are multiples of this are kept permanently. */
  readonly keepEvery?: number
  /** `RUN@STEP`: a new run that branches from another at that step, with a decaying learning rate. */
  readonly branch?: string
  readonly decay?: { readonly steps: number } | { readonly tokens: number }
  /** Final learning rate of a branch. Default 0. */
  readonly decayTo?: number
  /** `RUN` or `RUN@STEP`: a new run, initialized with that run's weights. */
  readonly from?: string
  /** Steps between evaluations. Default: an eighth of the run. */
  readonly evaluateEvery?: number
  /** Sample texts at every evaluation. */
  readonly sample?: boolean
  /** Stop after this many evaluations without improvement. */
  readonly earlyStop?: number
  readonly maxMinutes?: number
  readonly maxTokens?: number
  readonly onNan?: 'stop' | 'rewind'
  readonly onFullDisk?: 'stop' | 'continue'
  /** Folder of event files; `true`: in the run folder. */
  readonly tensorboard?: string | true
  /** Port of the live page; `true`: any free port. */
  readonly ui?: number | true
}
