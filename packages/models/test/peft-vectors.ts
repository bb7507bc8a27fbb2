/** The adapters of vectors/peft, computed and written by PEFT (make_peft.py). */
import { readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { bits, type Projection, rebuild, type WeightFile } from './transformers-vectors.ts'

export interface PeftVector {
  readonly base: string
  /** [2, 20, 40] */
  readonly logits: Float32Array
  readonly config: object
  readonly file: WeightFile
  readonly gradients: Readonly<Record<string, Projection>>
}

export function readPeftVector(name: string): PeftVector {
  const json = JSON.parse(readFileSync(new URL(`../vectors/peft/${name}.json`, import.meta.url), 'utf8'))
  const logits = Uint8Array.from(Buffer.from(json.logits, 'base64'))
  return { ...json, logits: new Float32Array(logits.buffer) }
}

/** A matrix by its name here, or with PEFT's prefix. */
export const adapterWeights = (name: string, count: number) =>
  Float32Array.from(bits(name.replace('base_model.model.', ''), count), (k) => (k / 128) * 0.25)

export async function writeAdapterFolder({ config, file }: PeftVector, path: string): Promise<string> {
  await mkdir(path, { recursive: true })
  await writeFile(join(path, 'adapter_config.json'), JSON.stringify(config))
  await writeFile(join(path, 'adapter_model.safetensors'), rebuild(file, adapterWeights))
  return path
}
