/** Every verb: help, `--json`, exit codes and one-line errors; the verbs of the tokenizer and of data. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findGpu } from '@kumiki/planner'
import { cpuAddressableBytes } from '@kumiki/tensor'
import { afterAll, describe, expect, test } from 'vitest'
import { createProgram } from '../src/cli.ts'
import { inProcess, inProcesses, kumiki, kumikis } from './run-cli.ts'

const folder = mkdtempSync(join(tmpdir(), 'kumiki-cli-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const at = (name: string) => join(folder, name)
const write = (name: string, data: string | object) => {
  writeFileSync(at(name), typeof data === 'string' ? data : JSON.stringify(data))
  return at(name)
}
const model = fileURLToPath(new URL('../../tokenizer/vectors/unigram.model', import.meta.url))

describe('wrong use: exit code 2, one line that names the verb', () => {
  // In this process: commander and the verbs behave the same, and a process takes a second.
  const lines: [string, RegExp][] = [
    ['nope', /^kumiki: unknown command 'nope'/],
    ['trian', /^kumiki: unknown command 'trian' \(Did you mean train\?\)/],
    ['--nope', /^kumiki: unknown option '--nope'/],
    ['doctor --nope', /^kumiki doctor: unknown option '--nope'/],
    ['doctor extra', /^kumiki doctor: too many arguments/],
    ['tokenizer encode', /^kumiki tokenizer encode: required option '--model <file>' not specified/],
    [
      'tokenizer train --model x --vocab-size 1e3',
      /^kumiki tokenizer train: .*'1e3' is invalid. It must be an integer from 1 to/,
    ],
    ['model show llm-jp-99', /^kumiki model show: .*there are nano, .*llm-jp-3-150m/],
    ['model show llm-jp-3-13', /there are nano, .*\(Did you mean llm-jp-3-13b\?\)/],
    ['model show', /^kumiki model show: missing required argument 'name'/],
    ['plan --modle 13b', /^kumiki plan: unknown option '--modle' \(Did you mean --model\?\)/],
    ['plan --model 13b', /^kumiki plan: required option '--gpu <name\|file>' not specified/],
    [
      'plan --model 13b --gpu TPU --gpus-per-node 8 --nodes 2 --global-batch 64 --seq 4096',
      /^kumiki plan: gpu: unknown GPU "TPU"; known GPUs are A100/,
    ],
    [
      'plan --model 13b --gpu H1000 --gpus-per-node 8 --nodes 2 --global-batch 64 --seq 4096',
      /known GPUs are A100.*\(did you mean H100\?\)/,
    ],
    [
      'plan --model nano --gpu H100 --gpus-per-node 8 --nodes 1 --global-batch 64 --seq 256 --emit megatron',
      /^kumiki plan: --emit: nano has no training recipe; give --recipe-of/,
    ],
    ['estimate', /^kumiki estimate: required option '--model <name\|file>' not specified/],
    [
      'estimate --model 13b --gpu H100 --gpus-per-node 8 --nodes 16 --global-batch 1024 --seq 4096 --tp 3 --micro-batch 1',
      /^kumiki estimate: plan: tensorParallel 3 must divide the 40 heads/,
    ],
    [
      'estimate --model 13b --gpu H100 --gpus-per-node 8 --nodes 16 --dp 7 --global-batch 1024 --seq 4096 --micro-batch 1',
      /^kumiki estimate: --dp 7: .* is 7, but there are 128 GPUs/,
    ],
    ['estimate --run x.json --tp 2', /^kumiki estimate: option '--run <file>' cannot be used with option '--tp <n>'/],
    ['data mix', /^kumiki data mix: give --source/],
    ['data mix --source a=b@1:LZ', /^kumiki data mix: source "a" has release level LZ/],
    ['ablate design --factors A,B,C --runs 5', /^kumiki ablate design: design: runs must be a power of two/],
    ['ablate design --factors A,,C --runs 4', /^kumiki ablate design: .*comma-separated names/],
    ['report', /^kumiki report: missing required argument 'run'/],
    ['train --precision int3', /^kumiki train: .*'int3' is invalid. Allowed choices are f32, bf16/],
    ['train --precision fp8-hybird', /Allowed choices are f32, bf16.*\(Did you mean fp8-hybrid\?\)/],
    ['train --schedule cosin', /schedule must be constant, cosine, .*\(Did you mean cosine\?\)/],
    ['train --schedule {"kind":"cosin"}', /unknown kind 'cosin'; .*\(Did you mean cosine\?\)/],
    [
      'train --schedule {"kind":"wsd","warmupStep":2}',
      /wsd has no option .warmupStep.; .*\(Did you mean warmupSteps\?\)/,
    ],
    ['train --optimizer adamv', /unknown kind 'adamv'; .*\(Did you mean adam or adamw\?\)/],
    ['train --optimizer {"kind":"muon","scaling":"orignal"}', /muon: scaling must be .*\(Did you mean original\?\)/],
    ['data blend --preset llmjp-4', /--preset llmjp-4: unknown; .*\(Did you mean llm-jp-4\?\)/],
    [
      'data build --data x --out y --tokenizer z --filter charcters',
      /--filter charcters: .*\(Did you mean characters\?\)/,
    ],
    ['data mix --source a=x@1:l1', /release level must be one of L1, .*\(Did you mean L1\?\)/],
    // Every level is equally near.
    ['data mix --source a=x@1:L9', /release level must be one of L1, L2, L3, LX, LZ, got "L9"\n/],
    [
      'plan --model 13b --gpu H100 --gpus-per-node 8 --nodes 1 --global-batch 64 --seq 4096 --network infinband',
      /--network infinband: unknown; .*\(Did you mean infiniband\?\)/,
    ],
    [
      'plan --model 13b --gpu H100 --gpus-per-node 8 --nodes 1 --global-batch 64 --seq 4096 --rank tp=1,micro-bach=1',
      /--rank .*: unknown micro-bach=1; .*\(Did you mean micro-batch\?\)/,
    ],
    [
      'plan --model 13b --gpu H100 --gpus-per-node 8 --nodes 1 --global-batch 64 --seq 4096 --emit megatron --recipe-of llm-jp-3-1.8',
      /no model is called "llm-jp-3-1.8"; .*\(Did you mean llm-jp-3-1.8b\?\)/,
    ],
    [
      'tokenizer train --normalization nfkcd --vocab-size 300 --model x',
      /Allowed choices are identity.*\(Did you mean nfkc/,
    ],
    ['train --preset llm-jp-3-150', /--preset: .*\(Did you mean llm-jp-3-150m\?\)/],
    ['train --steps 0', /^kumiki train: .*It must be an integer from 1 to/],
    ['train --device tpu', /^kumiki train: .*Allowed choices are auto, webgpu, cpu/],
    ['train --learning-rate NaN', /^kumiki train: .*It must be a number above 0/],
    ['generate --prompt x', /^kumiki generate: required option '--checkpoint <folder>' not specified/],
    ['generate --checkpoint x --prompt y --top-p 1.5', /^kumiki generate: .*at most 1/],
  ]
  test.each(lines)('%s', async (line, message) => {
    const { code, stderr, stdout } = await inProcess(line)
    expect(stderr).toMatch(message)
    expect(stderr.trimEnd()).not.toContain('\n')
    expect(stdout).toBe('')
    expect(code).toBe(2)
  })

  test('the process ends with that code', async () => {
    const [bad, none, group] = await kumikis(['doctor --nope', '', 'tokenizer'])
    expect(bad).toMatchObject({ code: 2, stdout: '', stderr: "kumiki doctor: unknown option '--nope'\n" })
    expect(none).toMatchObject({ code: 0, stderr: '' })
    expect(none.stdout).toContain('kumiki train')
    expect(group.code).toBe(2)
  })
})

test('every verb has --help and --json, and its row in the README', async () => {
  const verbs = createProgram().commands.flatMap((c) =>
    c.commands.length > 0 ? c.commands.map((inner) => [c.name(), inner.name()]) : [[c.name()]],
  )
  // `data build`, `mix`: the second is of the same group.
  const rows = readFileSync(new URL('../README.md', import.meta.url), 'utf8').match(/^\| `[a-z].*$/gm)!
  const inReadme = rows.flatMap((row) => {
    const [first, ...others] = Array.from(row.split('|')[1].matchAll(/`([^`]+)`/g), ([, name]) => name)
    return [first, ...others.map((name) => `${first.split(' ')[0]} ${name}`)]
  })
  expect(verbs.map((verb) => verb.join(' ')).sort(), 'as the rows of packages/kumiki/README.md').toEqual(
    inReadme.sort(),
  )
  for (const verb of verbs) {
    const { code, stdout, stderr } = await inProcess([...verb, '--help'])
    expect(stdout).toContain(`Usage: kumiki ${verb.join(' ')}`)
    expect(stdout).toContain('--json')
    expect([code, stderr]).toEqual([0, ''])
  }
})

describe('failure: exit code 1, one line', () => {
  test('files that are missing or broken', async () => {
    const broken = write('broken.json', '{"a":')
    const row = write('row.json', [{ id: 'bad row', model: {} }])
    const results = await inProcesses([
      `tokenizer inspect --model ${at('none.model')}`,
      `tokenizer inspect --model ${broken}`,
      `estimate --run ${broken}`,
      `estimate --run ${row} --json`,
      `ablate analyze --design ${row} --responses ${broken}`,
      `report ${folder}`,
    ])
    expect(results.map(({ code }) => code)).toEqual(results.map(() => 1))
    const lines = results.map(({ stderr }) => stderr.trimEnd().split('\n').at(-1))
    expect(lines).toEqual([
      `kumiki tokenizer inspect: ${at('none.model')}: there is no such file`,
      expect.stringContaining(`kumiki tokenizer inspect: ${broken}: `),
      expect.stringContaining(`kumiki estimate: ${broken}: not valid JSON`),
      `kumiki estimate: ${row}: 1 of 1 rows cannot be estimated`,
      expect.stringContaining(`${row}: factors is missing`),
      `kumiki report: ${folder}: not a run folder: it contains no metrics.jsonl; give a run folder of \`kumiki train\``,
    ])
    expect(results[3].json()).toEqual([
      { id: 'bad row', error: expect.stringContaining('bad row: gpus must be an integer') },
    ])
  })
})

describe('verbs', () => {
  test('tokenizer: encode, decode, bytes that are no UTF-8, bad lines', async () => {
    const text = '組木は釘を使わずに木を組む。\n\nKumiki 組木\nlast'
    const encoded = await inProcess(['tokenizer', 'encode', '--model', model], { input: text })
    const lines = encoded.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines).toHaveLength(4)
    expect(lines[1]).toEqual([])
    const [{ file, calls }] = JSON.parse(
      readFileSync(new URL('../../tokenizer/vectors/hf/padding.json', import.meta.url), 'utf8'),
    ).cases
    const pairs = calls.find((call: { texts: unknown[]; addSpecialTokens: boolean }) => Array.isArray(call.texts[0]))
    const decoded = await inProcess(['tokenizer', 'decode', '--model', model], { input: encoded.stdout })
    const asJson = await inProcess(['tokenizer', 'encode', '--json', '--model', model], { input: text })
    const threaded = await inProcess(['tokenizer', 'encode', '--threads', '1', '--json', '--model', model], {
      input: text,
    })
    expect(threaded.stdout).toBe(asJson.stdout)
    const invalid = await inProcess(['tokenizer', 'encode', '--model', model], {
      input: Uint8Array.of(0x61, 0xff, 0xe3, 0x81, 0x0a),
    })
    // Through pipes: what was decoded before the bad line is written, and the process ends with 1.
    const bad = await kumiki(['tokenizer', 'decode', '--model', model], { input: '[5]\nfive\n' })
    const detailed = await inProcess(
      ['tokenizer', 'encode', '--pairs', '--special-tokens', '--as-file', '--details', '--json'].concat([
        '--model',
        write('tokenizer.json', file),
      ]),
      { input: pairs.texts.map((pair: string[]) => pair.join('\t')).join('\n') },
    )
    expect(detailed.json()).toMatchObject(
      pairs.batch.map(({ ids, offsets, attentionMask }: object & Record<string, unknown>) => ({
        ids,
        offsets,
        attentionMask,
      })),
    )
    expect(decoded.stdout).toBe(`${text}\n`)
    expect(asJson.json()).toEqual(lines)
    expect(invalid.code).toBe(0)
    expect(invalid.stdout).toMatch(/^\[\d+(, \d+)+\]\n$/)
    expect(bad.code).toBe(1)
    expect(bad.stdout).not.toBe('')
    expect(bad.stderr).toContain(
      'kumiki tokenizer decode: line 2 of stdin must be a JSON array of ids such as [5, 17], got "five"',
    )
  })

  test('tokenizer train, data build, inspect and mix', async () => {
    const texts = write(
      'texts.txt',
      Array.from(
        { length: 60 },
        (_, i) => `本棚の${i}番目の本は赤い。\n\nthe book number ${i} on the shelf is red.`,
      ).join('\n\n'),
    )
    const own = at('own.model')
    const trained = await inProcess([
      'tokenizer',
      'train',
      '--model',
      own,
      '--vocab-size',
      '300',
      '--data',
      texts,
      '--json',
    ])
    expect(trained.json()).toMatchObject({ model: own, type: 'unigram', vocabSize: 300, lines: 120 })
    expect(trained.stderr).toContain('training a unigram model of 300 pieces')
    const prefix = at('set/tokens')
    const built = await inProcess(['data', 'build', '--data', texts, '--tokenizer', own, '--out', prefix, '--json'])
    expect(built.json()).toMatchObject({ prefix, documents: 120, eosId: 2 })
    const [inspected, mixed, mixedText] = await inProcesses([
      ['data', 'inspect', prefix, texts, '--json'],
      [
        'data',
        'mix',
        '--source',
        `twice=${prefix}@2:L2`,
        '--source',
        `half=${texts}@0.5`,
        '--tokenizer',
        own,
        '--out',
        at('mixed'),
        '--json',
      ],
      ['data', 'mix', '--source', `a=${prefix}`, '--source', `b=${texts}`],
    ])
    const { tokens } = built.json()
    expect(inspected.json()).toMatchObject([
      { kind: 'tokens', dtype: 'uint16', documents: 120, tokens },
      { kind: 'text', documents: 120, documentsWithKana: 60 },
    ])
    const mix = mixed.json()
    expect(mix.table[0]).toMatchObject({ name: 'twice', releaseLevel: 'L2', size: tokens, mixedSize: 2 * tokens })
    expect(mix.written.tokens).toBe(mix.table[0].mixedSize + mix.table[1].mixedSize)
    expect(mixedText).toMatchObject({ code: 2, stderr: expect.stringContaining('give --tokenizer FILE') })
  })

  test('model, plan and estimate', async () => {
    const cluster = '--model llm-jp-3-13b --gpu H100 --gpus-per-node 8 --nodes 16 --global-batch 1024 --seq 4096'
    const [shown, planned, slurm, estimated, ran] = await inProcesses([
      'model show llm-jp-3-13b --json',
      `plan ${cluster} --limit 2 --json`,
      `plan ${cluster} --emit slurm`,
      `estimate ${cluster} --tp 2 --pp 2 --micro-batch 2 --json`,
      [
        'estimate',
        '--json',
        '--run',
        fileURLToPath(new URL('../../planner/vectors/published-runs.json', import.meta.url)),
      ],
    ])
    expect(shown.json()).toMatchObject({
      name: 'llm-jp-3-13b',
      vocabulary: { size: 99_487, padded: 99_584 },
      configuration: { hiddenSize: 5120 },
      parameters: {
        total: 13_706_931_200,
        embedding: 1_018_746_880,
        nonEmbedding: 12_688_184_320,
        activated: 13_706_931_200,
      },
      flopsPerToken: expect.any(Number),
    })
    expect(planned.json().byStability).toHaveLength(2)
    expect(planned.json().byStability[0]).toMatchObject({ risks: [], plan: { globalBatchSize: 1024 } })
    expect(slurm.stdout).toMatch(/^#!\/bin\/bash\n[\s\S]*#SBATCH --nodes=16\n[\s\S]*--tensor-model-parallel-size 2/)
    expect(estimated.json()).toMatchObject([
      {
        id: 'llm-jp-3-13b',
        gpuCount: 128,
        plan: { dataParallel: 32 },
        memoryBytes: expect.any(Number),
        mfu: expect.any(Number),
      },
    ])
    expect(ran.code).toBe(0)
    for (const row of ran.json())
      expect(row).toMatchObject({
        id: expect.any(String),
        memoryBytes: expect.any(Number),
        stepSeconds: expect.any(Number),
        tokensPerSecondPerGpu: expect.any(Number),
        modelFlopsPerGpu: expect.any(Number),
        mfu: expect.any(Number),
      })
  })

  test('plan: a page, a place, queries; estimate: launches and timelines', async () => {
    const cluster = '--model llm-jp-3-13b --gpu H100 --gpus-per-node 8 --nodes 16 --global-batch 1024 --seq 4096'
    const page = at('plan.html')
    const svg = at('timeline.svg')
    const custom = write('gpu.json', JSON.stringify({ ...findGpu('H100'), name: 'mine', memoryBytes: 160e9 }))
    const slow = write('network.json', '{ "inter": "ethernet", "interNodeBandwidth": 12.5e9 }')
    const params = write(
      'params.sh',
      'ALL_PARAMS=( --num-layers 24 --hidden-size 2048 --num-attention-heads 16 --swiglu --ffn-hidden-size 7168 )\n',
    )
    const train = write(
      'train.sh',
      `#SBATCH --nodes=2\n#SBATCH --gpus-per-node=8\npython pretrain_gpt.py \${ALL_PARAMS[@]} --micro-batch-size $MB --global-batch-size 512 --seq-length 4096 --position-embedding-type rope --bf16 --use-distributed-optimizer\n`,
    )
    const [planned, placed, refused, minimum, memory, simulated, launched, other] = await inProcesses([
      `plan ${cluster} --tokens 2.1e12 --price 3 --html ${page} --json`,
      `plan ${cluster} --rank tp=2,pp=2,micro-batch=2 --json`,
      `plan ${cluster} --rank tp=3,micro-batch=2 --json`,
      'plan --model llm-jp-3-13b --gpu H100 --gpus-per-node 8 --global-batch 1024 --seq 4096 --minimum-gpus --json',
      `plan ${cluster} --memory-factor 2 --json`,
      `estimate ${cluster} --tp 2 --pp 4 --micro-batch 2 --schedule zero-bubble --timeline ${svg} --sensitivity --json`,
      `estimate --megatron ${params} --megatron ${train} --set MB=4 --vocab 99487 --gpu H100 --json`,
      `estimate ${cluster.replace('H100', custom)} --network ${slow} --tp 2 --micro-batch 2 --json`,
    ])
    expect(planned.json().byStability[0].run).toMatchObject({
      price: expect.any(Number),
      lost: { failures: expect.any(Number) },
    })
    expect(readFileSync(page, 'utf8')).toMatch(/^<!doctype html>[\s\S]*Plans by stability[\s\S]*<svg/)
    expect(placed.json()).toMatchObject({
      reasons: [],
      feasible: expect.any(Number),
      stabilityShare: expect.any(Number),
    })
    expect(refused.json().reasons).toContainEqual(expect.stringMatching(/tensorParallel 3 must divide the 40 heads/))
    expect(minimum.json().fits).toMatchObject({ nodes: 1, gpus: 8 })
    expect(memory.json()).toMatchObject({ factor: 2, speedup: { byStability: expect.any(Number) } })
    expect(simulated.json()[0]).toMatchObject({
      pipeline: { schedule: 'zero-bubble', bubbleOverWork: expect.any(Number) },
      sensitivity: expect.arrayContaining([expect.objectContaining({ parameter: 'tensorParallel' })]),
    })
    expect(readFileSync(svg, 'utf8')).toMatch(/^<svg[\s\S]*gradients of weights[\s\S]*<\/svg>\n$/)
    expect(launched.json()[0]).toMatchObject({
      gpuCount: 16,
      parameters: expect.any(Number),
      plan: { microBatchSize: 4, dataParallel: 16 },
      launch: { model: { layers: 24, vocab: 99_487 } },
    })
    expect(other.json()[0].memoryFraction).toBeLessThan(0.5)
  })

  test('plan and estimate name what is nonsense', async () => {
    const rest = '--gpu H100 --gpus-per-node 8 --nodes 16 --global-batch 1024 --seq 4096'
    const sizes = { layers: 4, hidden: 64, ffn: 128, heads: 4, kvHeads: 4, headDim: 16, vocab: 100 }
    const negative = write('negative.json', JSON.stringify({ ...sizes, layers: -4 }))
    const { hidden: _, ...without } = sizes
    const missing = write('missing.json', JSON.stringify(without))
    const odd = write('odd.json', JSON.stringify({ ...sizes, kvHeads: 3 }))
    const gpu = write('bad-gpu.json', '{ "name": "x", "memoryBytes": -1 }')
    const cases: [string, RegExp][] = [
      [
        `plan --model 13b ${rest.replace('--nodes 16', '--nodes 0')}`,
        /'--nodes <n>' argument '0' is invalid. It must be an integer from 1 to 1000000/,
      ],
      [
        `plan --model 13b ${rest.replace('--nodes 16', '--nodes 1000000000000')}`,
        /must be an integer from 1 to 1000000/,
      ],
      [`plan --model 13b ${rest.replace('--nodes 16', '')}`, /required option '--nodes <n>' not specified/],
      [
        `plan --model 13b ${rest} --tokens 1e12 --price NaN`,
        /'--price <n>' argument 'NaN' is invalid. It must be a number above 0/,
      ],
      [`plan --model 13b ${rest} --tokens -5`, /must be a number above 0/],
      [`plan --model ${negative} ${rest}`, /model.layers must be an integer from 1 to 4096, got -4/],
      [
        `plan --model ${missing} ${rest}`,
        /missing.json: model.hidden must be an integer from 1 to 1048576, got undefined/,
      ],
      [`plan --model ${odd} ${rest}`, /model.kvHeads must divide model.heads, got 3 and 4/],
      [
        `plan --model 13b ${rest.replace('H100', gpu)}`,
        /bad-gpu.json: cluster.gpu.memoryBytes must be a number above 0 .*, got -1/,
      ],
      [`plan --model 13b ${rest} --network token-ring`, /choose infiniband, ethernet or pcie/],
      [`plan --model 13b ${rest} --rank tp=two,micro-batch=1`, /unknown tp=two; use tp=N/],
      [`plan --model 13b ${rest} --rank tp=2`, /micro-batch=N is missing/],
      [`plan --model 13b ${rest} --memory-factor 0`, /must be a number above 0/],
      [`estimate --model 13b ${rest} --micro-batch 2 --schedule gpipe`, /--schedule needs --timeline FILE/],
      [`estimate --model 13b ${rest} --micro-batch 2 --checkpoint-steps 5`, /--checkpoint-steps needs --tokens/],
      [
        `estimate --model 13b ${rest} --micro-batch 2 --recompute selective --recompute-modules moon`,
        /plan.recomputeModules must be one of core_attn/,
      ],
      [
        `estimate --megatron ${negative} --gpu H100`,
        /negative.json: launch: found no command that runs pretrain_gpt.py/,
      ],
    ]
    for (const [line, message] of cases) {
      const { code, stderr, stdout } = await inProcess(line.split(' ').filter(Boolean))
      expect(stderr, line).toMatch(message)
      expect(stderr.trim().split('\n'), line).toHaveLength(1)
      // A file's content is no wrong use.
      expect(code, line).toBe(/\.json: /.test(stderr) ? 1 : 2)
      expect(stdout).toBe('')
    }
  })

  test('ablate', async () => {
    const file = at('design.json')
    const designed = await inProcess([
      'ablate',
      'design',
      '--factors',
      'A,B,C,D,E',
      '--runs',
      '8',
      '--out',
      file,
      '--json',
    ])
    expect(designed.json()).toMatchObject({ resolution: 3, runs: { length: 8 }, aliases: expect.any(Array) })
    const scores = write(
      'scores.txt',
      designed
        .json()
        .runs.map((run: number[]) => `${1 + run[0] / 10}`)
        .join('\n'),
    )
    const [table, analysed] = await inProcesses([
      ['ablate', 'analyze', '--design', file, '--responses', scores],
      [
        'ablate',
        'analyze',
        '--design',
        file,
        '--responses',
        scores,
        '--json',
        '--csv',
        at('effects.csv'),
        '--svg',
        at('effects.svg'),
        '--half-normal',
        at('sizes.svg'),
      ],
    ])
    expect(table.stdout).toMatch(/^term +on/)
    expect(analysed.json().effects[0]).toMatchObject({ term: 'A', difference: expect.closeTo(0.2, 10) })
    expect(readFileSync(at('effects.csv'), 'utf8')).toContain('mean_on')
    expect(readFileSync(at('effects.svg'), 'utf8')).toContain('<svg')
    expect(readFileSync(at('sizes.svg'), 'utf8')).toContain('half-normal quantile')
  })

  test('report and doctor', async () => {
    const metrics = Array.from({ length: 5 }, (_, i) =>
      JSON.stringify({
        step: i + 1,
        tokens: 64 * (i + 1),
        loss: 5 - i,
        gradNorm: null,
        learningRate: 1e-3,
        tokensPerSecond: 100,
        seconds: i,
      }),
    )
    write('metrics.jsonl', `${metrics.join('\n')}\n{"step":6,`)
    write('run.json', { name: 'tiny', recipe: { steps: 5 } })
    const [reported, doctor, version] = await inProcesses([`report ${folder} --json`, 'doctor --json', '--version'])
    expect(reported.json()).toMatchObject({ out: at('report.html'), runs: [{ steps: 5, heldOut: null }] })
    expect(readFileSync(at('report.html'), 'utf8')).toMatch(
      /^<!doctype html>[\s\S]*<th scope="row">steps<\/th><td>5<\/td>/,
    )
    expect(doctor.json()).toMatchObject({
      healthy: true,
      node: { version: process.versions.node },
      cpu: { available: true, addressableBytes: cpuAddressableBytes(), selfTest: { correct: true } },
      webgpu: { available: expect.any(Boolean) },
      advice: expect.arrayContaining([]),
    })
    const { webgpu, advice } = doctor.json()
    if (webgpu.available) expect(webgpu.limits.maxStorageBufferBindingSize).toBeGreaterThanOrEqual(2 ** 27)
    if (webgpu.software) expect(advice).toContain('the WebGPU adapter is a software one: --device cpu is faster')
    expect(version).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+/) })
  })
})
