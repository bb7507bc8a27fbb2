// Messages between the page and its worker.

export interface TrainingSettings {
  readonly device: 'auto' | 'webgpu' | 'cpu'
  readonly schedule: 'wsd' | 'cosine' | 'constant'
  readonly rate: number
  readonly epsilon: number
  /** Name of a precision policy of @kumiki/train. */
  readonly precision: string
  readonly steps: number
}

export type ToWorker =
  | { readonly kind: 'train'; readonly settings: TrainingSettings }
  | { readonly kind: 'stop' }
  | { readonly kind: 'generate'; readonly prompt: string; readonly temperature: number; readonly tokens: number }

export type FromWorker =
  | { readonly kind: 'device'; readonly name: string }
  | { readonly kind: 'step'; readonly step: number; readonly loss: number; readonly tokensPerSecond: number }
  | { readonly kind: 'trained'; readonly stopped: boolean; readonly heldOut: number }
  | { readonly kind: 'text'; readonly piece: string }
  | { readonly kind: 'written' }
  | { readonly kind: 'failed'; readonly message: string }
