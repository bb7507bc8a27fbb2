/** `kumiki plan` and `estimate`: texts about plans that do not fit and about changed recipes. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { main } from '../src/cli.ts'

const root = mkdtempSync(join(tmpdir(), 'kumiki-estimate-'))
let [out, said] = ['', '']
vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
  said += String(text)
  return true
})
vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
  out += String(text)
  return true
})
beforeEach(() => {
  ;[out, said] = ['', '']
})
afterAll(() => {
  vi.restoreAllMocks()
  rmSync(root, { recursive: true, force: true })
})
const cluster = '--gpu H100 --gpus-per-node 8 --nodes 16 --seq 4096'
const run = (line: string) => main(line.split(' ').filter(Boolean))

describe('estimate', () => {
  test('says on both streams that a plan does not fit', async () => {
    const line =
      'estimate --model llm-jp-3-13b --gpu H100 --gpus-per-node 8 --nodes 1 --global-batch 64 --seq 4096 --micro-batch 4'
    expect(await run(line)).toBe(0)
    for (const stream of [out, said])
      expect(stream).toMatch(/does not fit: it needs 2\d\d\.\d GB .*H100-SXM-80GB has 85\.5 GB/)
    out = ''
    await run(`${line} --json`)
    expect(JSON.parse(out)[0].fits).toBe(false)
  })

  test('shows the ordinary case first, and tokens with a letter', async () => {
    const line = `estimate --model llm-jp-3-13b ${cluster} --global-batch 1024 --micro-batch 2 --tp 2 --pp 2`
    await run(`${line} --tokens 2T`)
    expect(out).toMatch(/ordinary .*\n +tuned /)
    expect(out).toMatch(/2,000,000,000,000 in 476,838 steps/)
    expect(out).toMatch(/days, .* GPU-days \(tuned: /)
    out = ''
    await run(`${line} --tokens 300b --json`)
    const [{ run: tuned, ordinary, stepSeconds, fits }] = JSON.parse(out)
    expect(tuned.tokens).toBe(3e11)
    expect(ordinary.stepSeconds / stepSeconds).toBeCloseTo(1.2)
    expect(ordinary.run.days).toBeGreaterThan(1.15 * tuned.days)
    expect(fits).toBe(true)
    expect(await run(`${line} --tokens 2Q`)).toBe(2)
    expect(said).toMatch(/It must be a number above 0 and at most 1000000000000000000, such as 2e12 or 2T/)
  })

  test('emits the plan it is given', async () => {
    const line = `estimate --model llm-jp-3-13b ${cluster} --global-batch 512 --micro-batch 2 --tp 2 --pp 2 --tokens 1T`
    expect(await run(`${line} --emit megatron --emit-for llm-jp`)).toBe(0)
    expect(out).toContain('--train-iters 476838')
    expect(out).toContain('--lr-decay-iters 474838')
    expect(out).toContain('--tensor-model-parallel-size 2 --pipeline-model-parallel-size 2')
    expect(out).toContain('--use-z-loss')
    expect(out).toMatch(/# The batch is 512 sequences, the recipe's 1,024/)
    out = ''
    await run(`${line} --emit slurm`)
    expect(out).toMatch(/^#!\/bin\/bash\n(#SBATCH.*\n)+# The batch is 512/)
    out = ''
    await run(`${line} --emit torchtitan`)
    expect(out).toMatch(/kumiki_job[\s\S]*# 476,838 steps train on[\s\S]*steps=476838/)
  })

  test("emits a user's model with another's recipe", async () => {
    const file = join(root, 'config.json')
    const sizes = { hidden_size: 2048, intermediate_size: 8192, num_hidden_layers: 16, num_attention_heads: 32 }
    const qwen = { model_type: 'qwen2', ...sizes, num_key_value_heads: 8, vocab_size: 151_936, rope_theta: 1e6 }
    writeFileSync(file, JSON.stringify(qwen))
    const line = `estimate --model ${file} ${cluster} --global-batch 512 --micro-batch 2 --emit megatron`
    expect(await run(line)).toBe(2)
    expect(said).toMatch(/has no training recipe; give --recipe-of NAME/)
    expect(await run(`${line} --recipe-of llm-jp-3-1.8b`)).toBe(0)
    expect(out).toContain('--add-qkv-bias')
    expect(out).toContain('--rotary-base 1000000')
  })
})

describe('plan', () => {
  test('follows tokens and batch in what it emits', async () => {
    await run(`plan --model llm-jp-3-13b ${cluster} --global-batch 512 --tokens 1e12 --emit megatron --json`)
    const { args, changes, plan } = JSON.parse(out)
    expect(args[args.indexOf('--train-iters') + 1]).toBe('476838')
    expect(changes).toHaveLength(3)
    expect(plan.ordinary.slowdown).toBe(1.2)
  })
})

describe('model show', () => {
  test('reads a config.json or its folder', async () => {
    writeFileSync(join(root, 'config.json'), JSON.stringify({ model_type: 'gpt2' }))
    for (const name of [root, join(root, 'config.json')]) {
      out = ''
      expect(await run(`model show ${name} --json`)).toBe(0)
      expect(JSON.parse(out)).toMatchObject({ parameters: { total: 124_439_808 }, sequenceLength: 1024 })
    }
    expect(await run('model show llm-jp-172b-exp1-failed')).toBe(0)
    expect(out).toMatch(/epsilon 0\.00001/)
    writeFileSync(join(root, 'config.json'), JSON.stringify({ model_type: 'mamba' }))
    expect(await run(`model show ${root}`)).toBe(1)
    expect(said).toMatch(/config\.json: model_type "mamba" is not supported/)
  })
})
