/** Sources of batches: iterators whose position can be saved and restored. */

/** Row-major [batchSize, sequenceLength] ids of the source. */
export interface TrainingBatch {
  readonly inputs: Int32Array
  /** The token after each input; negative targets are ignored. */
  readonly targets: Int32Array
  /**
   * Document number of each position; attention is limited to positions of the same document. Default: no limit.
   */
  readonly documents?: Int32Array
}

/**
 * An iterator of batches that can be resumed, synchronous or not. `batches` of @kumiki/data is one; others may read
 * from a network or mix sources.
 */
export interface BatchSource {
  /** Sequences in a batch. */
  readonly batchSize: number
  /** Tokens in a sequence, at most the model's contextLength. */
  readonly sequenceLength: number
  /** The next batch, or `done` at the end of a finite source. */
  next(): IteratorResult<TrainingBatch, unknown> | Promise<IteratorResult<TrainingBatch, unknown>>
  /** Position of the next batch: plain JSON, stored in every snapshot. */
  state(): object
  /** Continues at a saved position. @throws Error for a state of other data */
  restore(state: any): void | Promise<void>
}

/** @throws RangeError for ids outside the model's vocabulary, and for a batch of another size than its source states */
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

/** @throws RangeError naming the first id outside the vocabulary */
export function checkIds(owner: string, inputs: Int32Array, targets: Int32Array, vocabSize: number): void {
  const outOfRange = (what: string, at: number, id: number) =>
    new RangeError(
      `${owner}: ${what} ${at} is the token id ${id}, but the model's ids are below ${vocabSize} (its vocabulary); encode the data with the model's tokenizer`,
    )
  for (let i = 0; i < inputs.length; i++) {
    if (!(inputs[i] >= 0 && inputs[i] < vocabSize)) throw outOfRange('input', i, inputs[i])
    if (!(targets[i] < vocabSize)) throw outOfRange('target', i, targets[i])
  }
}
