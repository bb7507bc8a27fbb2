/** Launch scripts of Megatron-LM read as recipes and plans, the shell evaluator, malicious scripts, and round trips. */
import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { emitMegatron, emitSlurm, estimate, type LaunchRequest, type ParallelPlan } from '../src/index.ts'
import { readShell } from '../src/launch/shell/shell-reader.ts'
import { validateModel } from '../src/model/model.ts'
import { completePlan } from '../src/plan/plan-rules.ts'
import { readMegatron } from '../src/read.ts'
import { recipe, v3_13b } from './models.ts'

/** Words of a script's arrays and last command, as bash itself has them. */
const bash = (script: string) =>
  execFileSync('bash', ['--norc', '--noprofile', '-c', `${script}\n`], {
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    env: { PATH: process.env.PATH },
  })
    .split('\0')
    .slice(0, -1)

/** A dense launch in the form of LLM-jp-3's: variables, arithmetic, one long command. */
const dense = `#!/bin/bash
#SBATCH --job-name=train
#SBATCH --nodes=16
#SBATCH --gpus-per-node=8
set -eu -o pipefail
ENV_DIR=environment
source \${ENV_DIR}/scripts/environment.sh
export NVTE_FUSED_ATTN=0
NUM_GPUS=$((\${NUM_NODES} * \${NUM_GPUS_PER_NODE}))
HIDDEN=5120 # width
WARMUP=2000
DECAY=492120
STEPS=$((\${WARMUP} + \${DECAY}))
TP=2
DP=$((\${NUM_GPUS} / (\${TP} * 2)))
DATA=""
DATA="\${DATA} 14486363187 /corpus/code_text_document"
DATA="\${DATA} 23783124862 /corpus/ja_text_document"
mpirun -np $NUM_GPUS python \${ENV_DIR}/src/Megatron-LM/pretrain_gpt.py \\
  --tensor-model-parallel-size \${TP} \\
  --pipeline-model-parallel-size 2 \\
  --sequence-parallel --use-distributed-optimizer \\
  --num-layers 40 --hidden-size \${HIDDEN} --ffn-hidden-size 13824 --num-attention-heads 40 \\
  --seq-length 4096 --max-position-embeddings 4096 \\
  --micro-batch-size 2 --global-batch-size 1024 --train-iters \${STEPS} \\
  --tokenizer-type Llama2Tokenizer --tokenizer-model \${ENV_DIR}/llm-jp-tokenizer-100k.ver3.0b1.model \\
  --save out --load out --data-path \${DATA} --split 1000,0,0 \\
  --lr 2e-4 --min-lr 2e-5 --lr-decay-style cosine --lr-decay-iters \${DECAY} --lr-warmup-iters \${WARMUP} \\
  --weight-decay 0.1 --clip-grad 1 --optimizer adam --adam-beta1 0.9 --adam-beta2 0.95 --adam-eps 1e-8 \\
  --bf16 --untie-embeddings-and-output-weights --position-embedding-type rope --disable-bias-linear \\
  --normalization RMSNorm --norm-epsilon 1e-5 --attention-dropout 0.0 --hidden-dropout 0.0 --swiglu \\
  --use-flash-attn --recompute-activations --recompute-granularity "selective" --use-mpi --use-z-loss \\
  --log-throughput \\
`

/** A mixture in the form of LLM-jp-4's: an array of flags with comments, defaults and conditions, then its trainer. */
const params = `# Mixture of experts
ALL_PARAMS=()
ALL_PARAMS+=(
    --num-layers 70
    --hidden-size 5120
    --ffn-hidden-size 2048
    # NOTE: 学習が進めば不要になる (a comment inside, with an "odd quote)
    --num-attention-heads 80
    --group-query-attention
    --num-query-groups 8
    --kv-channels 128
    --seq-length 4096

    --max-position-embeddings 4096
    --position-embedding-type rope
    --rotary-base 500000
    --untie-embeddings-and-output-weights
    --swiglu
    --qk-layernorm
    --norm-epsilon 1e-6
    --attention-dropout 0.0
    --hidden-dropout 0.0
    --init-method-std 0.006
)
ALL_PARAMS+=( --num-experts 128 --moe-router-topk 8 --moe-ffn-hidden-size 2048 --moe-aux-loss-coeff 1e-2 --moe-z-loss-coeff 1e-3 )
ALL_PARAMS+=( --expert-tensor-parallel-size 1 --moe-token-dispatcher-type alltoall --moe-grouped-gemm )
ALL_PARAMS+=( --tokenizer-model \${ENV_DIR}/v4_alpha_1.0.model )
ALL_PARAMS+=( --optimizer adam --lr 4e-4 --min-lr 4e-5 --adam-beta2 0.95 --weight-decay 0.1 )
ALL_PARAMS+=( --train-iters 12000000 --lr-warmup-iters 2000 --lr-decay-style WSD --lr-wsd-decay-style linear --lr-wsd-decay-iters 1 )
ALL_PARAMS+=( --micro-batch-size \${MICRO_BATCH_SIZE:-4} --global-batch-size \${GLOBAL_BATCH_SIZE:-2880} )
ALL_PARAMS+=(
    --tensor-model-parallel-size \${TP:-1}
    --pipeline-model-parallel-size \${PP:-4}
    --expert-model-parallel-size \${EP:-8}
    --sequence-parallel
    --use-distributed-optimizer
)
if [ "\${ACCOUNT_EMB:-0}" = "1" ]; then
    ALL_PARAMS+=(
        --account-for-embedding-in-pipeline-split
        --account-for-loss-in-pipeline-split
    )
else
    ALL_PARAMS+=( --decoder-first-pipeline-num-layers 17 --decoder-last-pipeline-num-layers 17 )
fi
if [ "\${VPP:-1}" -gt 1 ]; then
    ALL_PARAMS+=( --num-virtual-stages-per-pipeline-rank \${VPP} )
fi
if [[ -n "\${OVERLAP:-}" ]]; then ALL_PARAMS+=( --overlap-grad-reduce --overlap-param-gather ); fi
ALL_PARAMS+=( --recompute-granularity selective --recompute-modules moe )
ALL_PARAMS+=( --bf16 --attention-backend flash )
`
const trainer = `#!/bin/bash
#SBATCH --nodes=36
#SBATCH --gpus-per-node=8
export ENV_DIR=$(realpath -eP "$1"); shift
export GPUS_PER_NODE=\${GPUS_PER_NODE:-8}
if [ "\${NO_SAVE:-0}" != "1" ]; then
    CKPT="checkpoints"
    ALL_PARAMS+=( --load "\${CKPT}" --save "\${CKPT}" --save-interval "\${SAVE_INTERVAL:-1000}" )
fi
ALL_PARAMS+=( \${EXTRA_PARAMS:-} )
LAUNCH="python -m torch.distributed.run \\
  --nnodes=36 --nproc-per-node=\${GPUS_PER_NODE}"
srun --ntasks=36 bash -c "
  \${LAUNCH} --node-rank=\\\${SLURM_NODEID:-0} \\
    \${ENV_DIR}/pretrain_gpt.py \\
    \${ALL_PARAMS[*]}
"
`

describe('readMegatron', () => {
  it('reads a dense launch in the form of LLM-jp-3', () => {
    const launch = readMegatron(dense, { environment: { NUM_NODES: '16', NUM_GPUS_PER_NODE: '8' } })
    expect(validateModel(launch.model)).toEqual(validateModel(v3_13b))
    expect(launch.plan).toMatchObject({
      tensorParallel: 2,
      pipelineParallel: 2,
      microBatchSize: 2,
      globalBatchSize: 1024,
      sequenceLength: 4096,
      sharding: 'optimizer',
      recompute: 'selective',
      recomputeModules: ['core_attn'],
      overlap: false,
      attentionBackend: 'flash',
    })
    expect(launch.recipe).toEqual({ ...recipe, zLoss: 1e-4 })
    expect(launch).toMatchObject({ nodes: 16, gpusPerNode: 8, megatron: 'llm-jp' })
    expect(launch.paths).toEqual({
      tokenizerModel: 'environment/llm-jp-tokenizer-100k.ver3.0b1.model',
      data: ['14486363187', '/corpus/code_text_document', '23783124862', '/corpus/ja_text_document'],
      checkpoints: 'out',
    })
    expect(launch.unread).toContain('--log-throughput')
    const { nodes, gpusPerNode } = launch
    const cluster = { gpu: 'H100', nodes: nodes!, gpusPerNode: gpusPerNode! }
    expect(estimate({ model: launch.model, cluster, plan: launch.plan }).mfu).toBeGreaterThan(0.3)
  })

  it('reads a mixture in the form of LLM-jp-4, with the variables its job sets', () => {
    const environment = { PP: '6', VPP: '2', ACCOUNT_EMB: '1', MICRO_BATCH_SIZE: '2', OVERLAP: 'yes' }
    const launch = readMegatron([params, trainer], { environment })
    expect(launch.model).toMatchObject({
      layers: 70,
      kvHeads: 8,
      vocab: 196_608,
      qkNorm: true,
      experts: { count: 128, topK: 8, ffn: 2048 },
    })
    expect(launch.plan).toMatchObject({
      pipelineParallel: 6,
      virtualPipeline: 2,
      expertParallel: 8,
      expertTensorParallel: 1,
      microBatchSize: 2,
      globalBatchSize: 2880,
      recomputeModules: ['moe'],
      overlap: true,
      anyLayout: false,
    })
    expect(launch.recipe).toMatchObject({ schedule: 'wsd', wsdDecaySteps: 1, auxiliaryLoss: 0.01, routerZLoss: 0.001 })
    expect(launch).toMatchObject({ nodes: 36, gpusPerNode: 8, saveInterval: 1000 })
    expect(launch.notes.join('\n')).toMatch(/realpath .* is not executed/)
    // Without them its defaults hold, and the hand-made layout is told.
    const plain = readMegatron(params)
    expect(plain.plan).toMatchObject({ pipelineParallel: 4, virtualPipeline: 1, microBatchSize: 4, anyLayout: true })
    expect(plain.notes.join('\n')).toMatch(/has an explicit stage layout/)
  })

  it.each([
    ['echo hello', {}, /no command that runs pretrain_gpt.py/],
    [dense.replace('--num-layers 40', ''), {}, /--num-layers is missing/],
    [dense.replace('--num-layers 40', '--num-layers forty'), {}, /--num-layers must be a number, got "forty"/],
    [dense.replace('--num-layers 40', '--num-layers -4'), {}, /model.layers must be an integer from 1 to 4096, got -4/],
    [dense.replace('ver3.0b1', 'other'), {}, undefined],
    [dense.replace('100k.ver3.0b1', 'other'), {}, /vocab: the launch does not state the vocabulary size/],
    [dense.replace('--global-batch-size 1024', ''), {}, /--global-batch-size is missing/],
    [`${dense} "`, {}, /a " is not closed/],
    [params.replace(/\)$/m, ''), {}, undefined],
    [`A=a\n${'A="$A$A"\n'.repeat(40)}`, {}, /grows past 1048576/],
    [
      `A=(1 2)\n${`A+=(\${A[@]} \${A[@]})\n`.repeat(40)}`,
      {},
      /grows past 1048576 characters or 200000 words|more than 200000/,
    ],
    ['x'.repeat(5e6), {}, /5000000 characters; at most 4194304/],
    [7 as never, {}, /launch must be a string/],
    [dense, { vocab: -1 }, /model.vocab must be an integer/],
  ])('refuses what it cannot read (%#)', (launch, options, message) => {
    const read = () => readMegatron(launch, options)
    if (message) expect(read).toThrow(message)
    else expect(read).not.toThrow(TypeError)
  })

  it('says why there is no recipe', () => {
    const other = readMegatron(dense.replace('--lr-decay-style cosine', '--lr-decay-style constant'))
    expect(other.recipe).toBeNull()
    expect(other.notes).toContain('no recipe: --lr-decay-style constant')
  })
})

describe('readShell', () => {
  it('knows what a shell does: lists by their outcome, functions where they are called, documents that are no commands', () => {
    const { commands, variables, notes } = readShell(
      [
        `[[ -n "$A" && $B != c ]] && X=1 || X=2
Y=0; [ "$B" = c ] && Y=1
run() { "$@" --flag "\${LIST[@]}" n=\${#LIST[@]}; }
LIST=(a "b c"); LIST+=(d)
cat > file <<END
pretrain_gpt.py --inside-a-document "
END
cd dir && run
Z=$((2 * (\${#LIST[@]} + 1) ** 2 % 7)) W=\${LATER:=given} V=\${LATER}
for i in 1 2; do bad; done
if grep -q x file; then N=1; elif test 1 -lt 2; then N=2; fi`.replaceAll('\\$', '$'),
      ],
      { A: 'a', B: 'b' },
    )
    const value = (name: string) => variables.get(name)?.join('|')
    expect(['X', 'Y', 'Z', 'V', 'N'].map(value)).toEqual(['1', '0', '4', 'given', '2'])
    expect(commands).toContainEqual(['--flag', 'a', 'b c', 'd', 'n=3'])
    expect(commands.flat()).not.toContain('--inside-a-document')
    expect(commands.flat()).not.toContain('bad')
    expect(notes).toEqual(['a for loop is not executed', 'the condition "grep -q x file" is assumed false'])
  })
})

describe('hostile scripts', () => {
  it('end in an error or a result', () => {
    const word = fc.constantFrom(
      '$',
      '{',
      '}',
      '(',
      ')',
      '"',
      "'",
      '`',
      '\\',
      '\n',
      ';',
      '#',
      'A',
      '=',
      '+=',
      '$A',
      ':-',
      'if',
      'then',
      'fi',
      '[',
      ']',
      ' ',
      '@',
      '1',
      '*',
      '--x',
    )
    fc.assert(
      fc.property(fc.array(word, { maxLength: 60 }), (words) => {
        try {
          readShell([words.join('')], {})
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError)
          expect((error as Error).message).toMatch(/^launch: /)
        }
      }),
      { numRuns: 1000, seed: 11 },
    )
  })

  it.each([
    ['values that grow', `A=${'x'.repeat(2 ** 19)}\n${'A="$A"\n'.repeat(2000)}`, /copy more than/],
    ['arrays that grow', `A=()\n${'A+=(x)\n'.repeat(12_000)}`, /copy more than/],
    ['defaults in defaults', `A=${`\${B:-`.repeat(5000)}${'}'.repeat(5000)}`, /nest deeper than 64/],
    ['functions that call themselves', 'f() { f; f; }\nf', /call each other deeper than 8/],
    ['brackets in arithmetic', `A=$((${'('.repeat(100_000)}1${')'.repeat(100_000)}))`, null],
  ])(
    '%s',
    (_, script, message) => {
      if (message) expect(() => readShell([script], {})).toThrow(message)
      else expect(readShell([script], {}).notes.join()).toMatch(/cannot be evaluated/)
    },
    60_000,
  )
})

describe('round trip', () => {
  const models = fc.record({
    layers: fc.constantFrom(24, 48),
    hidden: fc.constantFrom(2048, 4096),
    ffn: fc.constantFrom(7168, 8192),
    heads: fc.constant(32),
    kvHeads: fc.constantFrom(8, 32),
    headDim: fc.constantFrom(64, 128),
    vocab: fc.constantFrom(32_000, 99_487),
    gatedMlp: fc.boolean(),
    tiedEmbeddings: fc.boolean(),
    learnedPositions: fc.constantFrom(0, 4096),
    qkNorm: fc.boolean(),
    experts: fc.option(
      fc.record({
        count: fc.constant(16),
        topK: fc.integer({ min: 1, max: 8 }),
        ffn: fc.constantFrom(1024, 2048),
        sharedFfn: fc.constantFrom(0, 2048),
        firstDenseLayers: fc.constantFrom(0, 1, 3),
      }),
      { nil: undefined },
    ),
    latentAttention: fc.option(
      fc.record({
        queryRank: fc.constantFrom(0, 512),
        keyValueRank: fc.constant(512),
        ropeDim: fc.constant(64),
        valueDim: fc.constant(128),
      }),
      { nil: undefined },
    ),
  })
  const plans = fc.record({
    tensorParallel: fc.constantFrom(1, 2, 4),
    pipelineParallel: fc.constantFrom(1, 2, 4),
    virtualPipeline: fc.constantFrom(1, 2, 3),
    contextParallel: fc.constantFrom(1, 2),
    microBatchSize: fc.constantFrom(1, 2),
    globalBatchSize: fc.constantFrom(512, 1024),
    sequenceLength: fc.constant(4096),
    sharding: fc.constantFrom('none' as const, 'optimizer' as const),
    recompute: fc.constantFrom('none' as const, 'selective' as const, 'full' as const),
    recomputeModules: fc.subarray(['core_attn', 'layernorm', 'mlp', 'moe', 'moe_act'] as const, { minLength: 1 }),
    precision: fc.constantFrom('bf16' as const, 'fp16' as const, 'fp8' as const),
    overlap: fc.boolean(),
    overlapTensorParallel: fc.boolean(),
    attentionBackend: fc.constantFrom('fused' as const, 'flash' as const, 'unfused' as const),
    dropout: fc.boolean(),
    gradientsInFp32: fc.boolean(),
    momentsInFp32: fc.boolean(),
    expertDispatch: fc.constantFrom('alltoall' as const, 'deepep' as const),
    expertParallel: fc.constantFrom(1, 2, 8),
  })
  const recipes = fc.record({
    learningRate: fc.double({ min: 1e-6, max: 1, noNaN: true }),
    minLearningRate: fc.constantFrom(0, 1e-7),
    warmupSteps: fc.integer({ min: 0, max: 1000 }),
    schedule: fc.constantFrom('cosine' as const, 'wsd' as const),
    trainSteps: fc.integer({ min: 1000, max: 1e9 }),
    decaySteps: fc.integer({ min: 1, max: 1e9 }),
    wsdDecaySteps: fc.integer({ min: 1, max: 1e6 }),
    wsdDecayStyle: fc.constantFrom('linear' as const, 'cosine' as const, 'exponential' as const, 'minus_sqrt' as const),
    beta1: fc.constant(0.9),
    beta2: fc.double({ min: 0.5, max: 0.9999, noNaN: true }),
    epsilon: fc.constantFrom(1e-8, 1e-5),
    weightDecay: fc.constantFrom(0, 0.1),
    maxGradNorm: fc.constantFrom(0.5, 1),
    zLoss: fc.constantFrom(undefined, 1e-4),
    auxiliaryLoss: fc.constantFrom(0.01, 0.001),
  })
  const path = fc
    .string({ minLength: 1, maxLength: 20, unit: 'grapheme' })
    .filter((text) => /^[^-\s\0][^\s\0]*$/.test(text) && !/--/.test(text))

  it('what emitMegatron and emitSlurm write is read back', () => {
    let emitted = 0
    fc.assert(
      fc.property(
        models,
        plans,
        recipes,
        fc.record({ tokenizerModel: path, checkpoints: path, prefix: path }),
        (givenModel, givenPlan, given, names) => {
          const model = {
            ...givenModel,
            learnedPositions: givenModel.latentAttention ? 0 : givenModel.learnedPositions,
            kvHeads: givenModel.latentAttention ? givenModel.heads : givenModel.kvHeads,
          }
          const plan: ParallelPlan = {
            ...givenPlan,
            virtualPipeline: givenPlan.pipelineParallel > 1 ? givenPlan.virtualPipeline : 1,
            expertParallel: model.experts ? givenPlan.expertParallel : 1,
            expertDispatch: model.experts ? givenPlan.expertDispatch : 'alltoall',
            recomputeModules: givenPlan.recompute === 'selective' ? givenPlan.recomputeModules : ['core_attn'],
          }
          const request: LaunchRequest = {
            model,
            cluster: { gpu: 'H100', nodes: 4, gpusPerNode: 8 },
            plan,
            recipe: given,
            megatron: 'llm-jp',
            ropeTheta: 500_000,
            paths: {
              tokenizerModel: names.tokenizerModel,
              checkpoints: names.checkpoints,
              data: ['0.5', names.prefix],
            },
          }
          let launch: ReturnType<typeof emitMegatron>
          try {
            launch = emitMegatron(request)
          } catch (error) {
            // Not every combination is a legal plan.
            if (error instanceof RangeError) return
            throw error
          }
          emitted++
          for (const text of [launch.command, emitSlurm(request)]) {
            const read = readMegatron(text, { vocab: model.vocab })
            expect(validateModel(read.model)).toEqual(validateModel(model))
            expect(completePlan(read.plan)).toEqual(completePlan(plan))
            const { wsdDecaySteps, wsdDecayStyle, zLoss, auxiliaryLoss, ...common } = given
            expect(read.recipe).toEqual({
              ...common,
              ...(given.schedule === 'wsd' && { wsdDecaySteps, wsdDecayStyle }),
              ...(zLoss && { zLoss }),
              ...(model.experts && { auxiliaryLoss }),
              // DeepEP asks for it.
              ...(plan.expertDispatch === 'deepep' && { routerPrecision: 'fp32' }),
            })
            expect(read).toMatchObject({ nodes: 4, gpusPerNode: 8 })
            expect(read.paths).toEqual(request.paths)
            if (!model.learnedPositions) expect(read.ropeTheta).toBe(500_000)
            const { megatron, cluster } = request
            expect(emitMegatron({ ...request, ...read, megatron, cluster, recipe: read.recipe! }).args).toEqual(
              launch.args,
            )
          }
        },
      ),
      { numRuns: 600, seed: 7 },
    )
    expect(emitted).toBeGreaterThan(60)
  })
})

describe('the shell reader agrees with bash', () => {
  it('on words, quotes, arrays, arithmetic, defaults and conditions', () => {
    const script = `
      A=one; B="two words"; C='three $A'; export D=4
      N=$(( (D + 2) * 3 - 10 / 3 % 2 ))
      E="$A-\${B}-\${C:-no}-\${F:-fall back}-\${F-}"
      L=(a "b c" $B "$B" \${A}x 'q"q' "esc\\"aped \\$A" # remark
         last)
      L+=( "\${L[@]}" )
      if [ "$D" -gt 3 ]; then L+=(greater); else L+=(less); fi
      if [ "$A" = "two" ]; then L+=(wrong)
      elif [ -z "\${F:-}" ]; then L+=(unset)
      else L+=(other); fi
      if [[ "$A" != "two" ]]; then if [ -n "$A" ]; then L+=(nested); fi; fi
      A+=more
    `
    const expected = bash(`${script}
printf '%s\\0' "\${L[@]}" "$N" "$E" "$A" \${L[*]}`)
    const { variables, commands } = readShell([`${script}\nprint "\${L[@]}" "$N" "$E" "$A" \${L[*]}`], {})
    expect(commands.at(-1)!.slice(1)).toEqual(expected)
    expect(variables.get('N')).toEqual([
      expected[expected.length - variables.get('L')!.flatMap((word) => word.split(' ')).length - 3],
    ])
  })

  it('on arbitrary quoted words', () => {
    const piece = fc.oneof(
      fc.string({ maxLength: 6 }).map((text) => `'${text.replace(/['\0\n]/g, '')}'`),
      fc.string({ maxLength: 6 }).map((text) => `"${text.replace(/["\\$`!\0\n]/g, '')}"`),
      fc.constantFrom('$A', '"$A"', `"\${B:-x y}"`, `\${B:-x y}`, '\\$', '\\ ', '\\"', 'plain', '$((1+2*3))', '"$A$A"'),
    )
    const word = fc.array(piece, { minLength: 1, maxLength: 4 }).map((pieces) => pieces.join(''))
    const lines = fc
      .sample(fc.array(word, { minLength: 1, maxLength: 5 }), { numRuns: 150, seed: 3 })
      .map((words) => words.join(' '))
    // One process for all of them.
    const printed = bash(
      `set -f; A='v w'\n${lines.map((line) => `printf '%s\\0' start ${line} end-of-line`).join('\n')}`,
    )
    for (const line of lines) {
      const expected = printed.splice(0, printed.indexOf('end-of-line') + 1).slice(0, -1)
      const { commands } = readShell([`A='v w'\nprint start ${line}`], {})
      expect(commands.at(-1)!.slice(1), line).toEqual(expected)
    }
    expect(printed).toEqual([])
  })
})
