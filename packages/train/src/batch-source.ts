/** Where batches come from: any iterator that says where it stands. */

/** Row-major [batchSize, sequenceLength] ids of the source. */
export interface TrainingBatch {
  readonly inputs: Int32Array
  /** What comes after each input; negative ones do not count. */
  readonly targets: Int32Array
  /** Number of the document that each position belongs to: documents in one sequence do not see each other. Default: they do. */
  readonly documents?: Int32Array
}

/**
 * An iterator of batches that can be resumed, synchronous or not. `batches` of @kumiki/data is one; anything that reads from a
 * network or mixes sources is another.
 */
export interface BatchSource {
  /** Sequences in a batch. */
  readonly batchSize: number
  /** Tokens in a sequence, at most the model's contextLength. */
  readonly sequenceLength: number
  /** The next batch; at the end of a source that has one, `done`. */
  next(): IteratorResult<TrainingBatch, unknown> | Promise<IteratorResult<TrainingBatch, unknown>>
  /** Where the next batch begins: plain JSON, kept in every snapshot. */
  state(): object
  /** Goes to where a state was taken. @throws Error for a state of other data */
  restore(state: any): void | Promise<void>
}

/** @throws RangeError for ids that the model has no row for, and for a batch of another size than its source says */
export function checkBatch(
  { inputs, targets, documents }: TrainingBatch,
  { batchSize, sequenceLength }: BatchSource,
  vocabSize: number,
): void {
  const size = batchSize * sequenceLength
  for (const [name, ids] of Object.entries({ inputs, targets, documents }))
    if (ids !== undefined && ids.length !== size)
      throw new RangeError(
        `Trainer: ${name} of a batch must have ${batchSize} x ${sequenceLength} = ${size} elements, got ${ids.length}`,
      )
  checkIds('Trainer', inputs, targets, vocabSize)
}

/** @throws RangeError naming the first id that there is no row for */
export function checkIds(owner: string, inputs: Int32Array, targets: Int32Array, vocabSize: number): void {
  const refuse = (what: string, at: number, id: number) =>
    new RangeError(
      `${owner}: ${what} ${at} is the token id ${id}, but ids of the model are below ${vocabSize} (its vocabulary)`,
    )
  for (let i = 0; i < inputs.length; i++) {
    if (!(inputs[i] >= 0 && inputs[i] < vocabSize)) throw refuse('input', i, inputs[i])
    if (!(targets[i] < vocabSize)) throw refuse('target', i, targets[i])
  }
}
