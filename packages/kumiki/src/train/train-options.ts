/** What `kumiki train` is asked for, read from its flags. */
import type { RunConfigurationChanges } from '@kumiki/train'

export interface TrainCommandOptions {
  readonly preset?: string
  readonly config?: string
  /** Files and folders of text; none: the built-in corpus. */
  readonly data: readonly string[]
  /** Token files, as Megatron-LM's `--data-path`. */
  readonly dataPath?: readonly string[]
  /** SentencePiece model; default: one is trained on the text. */
  readonly tokenizer?: string
  /** In which order token files are read, and their split. */
  readonly order?: 'megatron' | 'packed'
  readonly split?: string
  readonly overrides: RunConfigurationChanges
  /** A module with kinds of schedules and optimizers. */
  readonly kinds?: string
  readonly device: 'auto' | 'webgpu' | 'cpu'
  readonly threads?: number
  /** Run folder; default runs/NAME-DATE. */
  readonly out?: string
  /** Whether a run in `out` may be removed. */
  readonly overwrite?: boolean
  /** A run folder to go on with, or `RUN@STEP`: what stands in its run.json is taken, with `overrides` over it. */
  readonly resume?: string
  /** Steps between checkpoints. Default: a tenth of the run, at most 500. */
  readonly checkpointEvery?: number
  /** Minutes after which one is made in any case. Default 0.5. */
  readonly checkpointMinutes?: number
  /** Checkpoints that stay. Default 2. */
  readonly keep?: number
  /** Those of steps that this divides stay for good. */
  readonly keepEvery?: number
  /** `RUN@STEP`: a new run that leaves another there, with a rate that falls. */
  readonly branch?: string
  readonly decay?: { readonly steps: number } | { readonly tokens: number }
  /** Where a branch's rate ends. Default 0. */
  readonly decayTo?: number
  /** `RUN` or `RUN@STEP`: a new run that begins with that one's weights. */
  readonly from?: string
  /** Steps between evaluations. Default: an eighth of the run. */
  readonly evaluateEvery?: number
  /** Whether the model writes at every evaluation. */
  readonly sample?: boolean
  /** Evaluations without a better one that end the run. */
  readonly earlyStop?: number
  readonly maxMinutes?: number
  readonly maxTokens?: number
  readonly onNan?: 'stop' | 'rewind'
  readonly onFullDisk?: 'stop' | 'continue'
  /** Folder of event files; `true`: in the run folder. */
  readonly tensorboard?: string | true
  /** Port of the live page; `true`: any that is free. */
  readonly ui?: number | true
}
