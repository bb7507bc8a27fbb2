/** The search for plans and the launches written from them. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { emitMegatron, emitSlurm, emitTorchtitan, fromArchitecture, plan } from '../src/index.ts'
import { shellQuote } from '../src/launch/shell-quote.ts'
import { recipe, v3_13b, v3_172b, v4_8b, v4_32b, v4_32bA3b, v4_291b } from './models.ts'

const h200 = (nodes: number) => ({ gpu: 'H200', nodes, gpusPerNode: 8 })

describe('plan', () => {
  it('ranks by throughput and by stability, and refuses with reasons', () => {
    const search = { model: v3_13b, cluster: { gpu: 'H100', nodes: 16, gpusPerNode: 8 } }
    const result = plan({ ...search, recipe: { globalBatchSize: 1024, sequenceLength: 4096 } })
    const speed = result.byThroughput.map(({ estimate }) => estimate.tokensPerSecond)
    expect(speed).toEqual([...speed].sort((a, b) => b - a))
    // The fastest fills the memory; the stable ones keep below four fifths of it.
    expect(result.byThroughput[0].risks[0]).toMatch(/memory \d+ % is above 80 %/)
    for (const { estimate, risks, headroomBytes } of result.byStability) {
      expect(risks).toEqual([])
      expect(estimate.memoryFraction).toBeLessThanOrEqual(0.8)
      expect(headroomBytes).toBeGreaterThan(0.2 * 85.5e9)
    }
    // LLM-jp's own choice is among the stable ones.
    const shapes = result.byStability.map(
      ({ estimate: { plan } }) => `${plan.tensorParallel} ${plan.pipelineParallel} ${plan.microBatchSize}`,
    )
    expect(shapes).toContain('2 2 2')
    const reasons = result.refused.flatMap((refusal) => refusal.reasons).join('\n')
    expect(reasons).toMatch(/needs 113.\d GB plus 2.5 GB for CUDA and NCCL buffers; a H100-SXM-80GB has 85.5 GB/)
    expect(reasons).toMatch(/TP x PP x CP = 320 must divide the 128 GPUs/)
    expect(reasons).toMatch(/40 layers .* cannot be split into 32 stages/)
    expect(result.refused.every((refusal) => refusal.reasons.length > 0)).toBe(true)
    expect(result.considered).toBeGreaterThan(result.refused.length)
    expect(result.refusalSummary.length).toBeLessThan(8)
    const total = result.refusalSummary.reduce((sum, { count }) => sum + count, 0)
    expect(total).toBe(result.refused.reduce((sum, { reasons }) => sum + reasons.length, 0))
  })

  it('finds the adopted plan of LLM-jp-4 32B stable and its faster neighbours flaky', () => {
    const result = plan({
      model: v4_32b,
      cluster: h200(32),
      recipe: { globalBatchSize: 512, sequenceLength: 4096 },
      limit: 1000,
    })
    const find = (tensor: number, pipeline: number, micro: number) =>
      result.byThroughput.find(
        ({ estimate: { plan } }) =>
          plan.tensorParallel === tensor &&
          plan.pipelineParallel === pipeline &&
          plan.microBatchSize === micro &&
          plan.recompute === 'none',
      )!
    expect(find(4, 1, 2).risks).toEqual([])
    expect(find(2, 1, 1).risks[0]).toMatch(/memory 89 % is above/)
    expect(find(2, 1, 2)).toBeUndefined()
  })

  it('keeps experts in the node where it can, and says so where not', () => {
    const result = plan({
      model: v4_32bA3b,
      cluster: h200(4),
      recipe: { globalBatchSize: 1024, sequenceLength: 4096 },
      limit: 5000,
    })
    expect(result.byStability[0].estimate.plan.expertParallel).toBeLessThanOrEqual(8)
    const wide = result.byThroughput.find(({ estimate }) => estimate.plan.expertParallel === 32)!
    expect(wide.risks.join()).toMatch(/expert parallelism 32 leaves the node: all-to-all/)
  })

  it('refuses tensor parallelism that straddles nodes, and ranks what leaves them as a risk', () => {
    const recipe = { globalBatchSize: 768, sequenceLength: 4096 }
    const six = plan({ model: v3_13b, cluster: { gpu: 'H100', nodes: 16, gpusPerNode: 6 }, recipe, limit: 1000 })
    expect(six.refused.flatMap(({ reasons }) => reasons)).toContain(
      'tensorParallel 4 groups would span parts of several nodes of 6 GPUs',
    )
    const four = { gpu: 'H100', nodes: 32, gpusPerNode: 4 }
    const wide = plan({ model: v3_13b, cluster: four, recipe: { ...recipe, globalBatchSize: 1024 }, limit: 1000 })
    const across = wide.byThroughput.find(({ estimate }) => estimate.plan.tensorParallel === 8)!
    expect(across.risks).toContain('tensor parallelism 8 leaves the node')
    // A rack of 72 joins 18 such nodes.
    const rack = plan({
      model: v3_13b,
      cluster: { ...four, gpu: 'GB200', nodes: 18 },
      recipe: { ...recipe, globalBatchSize: 1152 },
      limit: 1000,
    })
    const inside = rack.byThroughput.find(({ estimate }) => estimate.plan.tensorParallel === 8)!
    expect(inside.risks.join()).not.toMatch(/leaves the node/)
  })

  it('gives empty rankings and reasons where nothing fits', () => {
    const cluster = { gpu: 'A100-40GB', nodes: 1, gpusPerNode: 8 }
    const result = plan({ model: v3_172b, cluster, recipe: { globalBatchSize: 8, sequenceLength: 4096 } })
    expect(result.byThroughput).toEqual([])
    expect(result.refused.map(({ reasons }) => reasons[0]).join()).toMatch(/needs \d+.\d GB/)
  })

  it('names bad requests', () => {
    const search = { model: v3_13b, cluster: h200(1), recipe: { globalBatchSize: 0, sequenceLength: 4096 } }
    expect(() => plan(search)).toThrow(/plan.globalBatchSize must be an integer from 1/)
    expect(() => plan({ ...search, cluster: h200(0) })).toThrow(/cluster.nodes must be/)
  })
})

describe('emitMegatron', () => {
  const request = {
    model: v3_13b,
    cluster: { gpu: 'H100', nodes: 16, gpusPerNode: 8 },
    plan: { tensorParallel: 2, pipelineParallel: 2, microBatchSize: 2, globalBatchSize: 1024, sequenceLength: 4096 },
    recipe,
    paths: {
      tokenizerModel: 'v3.model',
      data: ['10', 'ja_text_document', '5', "it's_text_document"],
      checkpoints: 'out',
    },
  }
  const value = (args: readonly string[], flag: string) => args[args.indexOf(flag) + 1]

  // Flags of llm-jp's launch scripts, each checked against Megatron-LM d98e8a64; those below by its own option classes.
  const { explicit, dataclass_generated } = JSON.parse(
    readFileSync(new URL('../vectors/megatron-flags.json', import.meta.url), 'utf8'),
  ) as Record<string, string[]>
  const known = new Set([
    ...explicit,
    ...dataclass_generated,
    ...['--fp16', '--fp8-format', '--recompute-method', '--recompute-num-layers', '--tp-comm-overlap', '--q-lora-rank'],
    ...['--grad-reduce-in-bf16', '--use-precision-aware-optimizer', '--exp-avg-dtype', '--exp-avg-sq-dtype'],
  ])

  it('writes the launch of LLM-jp-3 13B', () => {
    const { args, environment, command, notes } = emitMegatron(request)
    for (const [flag, expected] of [
      ['--num-layers', '40'],
      ['--ffn-hidden-size', '13824'],
      ['--micro-batch-size', '2'],
      ['--lr', '0.0002'],
      ['--adam-eps', '1e-8'],
      ['--lr-decay-iters', '492120'],
      ['--lr-decay-style', 'cosine'],
      ['--save', 'out'],
    ]) {
      expect(value(args, flag), flag).toBe(expected)
    }
    for (const flag of ['--sequence-parallel', '--use-distributed-optimizer', '--swiglu', '--bf16']) {
      expect(args).toContain(flag)
    }
    expect(args).not.toContain('--group-query-attention')
    expect(environment.CUDA_DEVICE_MAX_CONNECTIONS).toBe('1')
    expect(command).toMatch(
      /torchrun --nnodes 16 --nproc-per-node 8 .* pretrain_gpt.py --tensor-model-parallel-size 2 /,
    )
    expect(command).toContain(`'it'\\''s_text_document'`)
    expect(notes.join()).toMatch(/z-loss of 0.0001; upstream Megatron-LM has no flag for it/)
    expect(args).not.toContain('--use-z-loss')
    expect(emitMegatron({ ...request, megatron: 'llm-jp' }).args).toContain('--use-z-loss')
  })

  it('uses flags that exist', () => {
    const { plan } = request
    const launches = [
      request,
      { ...request, plan: { ...plan, precision: 'fp8', recompute: 'full', virtualPipeline: 2 } },
      {
        ...request,
        plan: { ...plan, precision: 'fp16', recompute: 'selective', overlap: false },
      },
      {
        ...request,
        plan: { ...plan, overlapTensorParallel: true, gradientsInFp32: false, momentsInFp32: false, dropout: true },
        model: {
          ...v3_13b,
          learnedPositions: 0,
          latentAttention: { queryRank: 512, keyValueRank: 512, ropeDim: 64, valueDim: 128 },
        },
      },
      {
        ...request,
        model: { ...v4_291b, experts: { ...v4_291b.experts!, sharedFfn: 1024, firstDenseLayers: 2 } },
        cluster: { gpu: 'B200', nodes: 36, gpusPerNode: 8 },
        plan: {
          ...plan,
          tensorParallel: 2,
          pipelineParallel: 6,
          virtualPipeline: 2,
          expertParallel: 8,
          globalBatchSize: 2880,
        },
        recipe: { ...recipe, schedule: 'wsd' },
        qkNorm: true,
      },
    ] as const
    for (const launch of launches) {
      const { args } = emitMegatron(launch)
      for (const word of args) if (word.startsWith('--')) expect(known, word).toContain(word)
    }
    const { args, environment, notes } = emitMegatron(launches[4])
    expect(args).toContain('--account-for-embedding-in-pipeline-split')
    expect(args).toContain('--account-for-loss-in-pipeline-split')
    expect(value(args, '--moe-layer-freq')).toBe('([0]*2+[1]*68)')
    expect(value(args, '--lr-wsd-decay-iters')).toBe('1')
    expect(value(args, '--kv-channels')).toBe('128')
    expect(environment.CUDA_DEVICE_MAX_CONNECTIONS).toBeUndefined()
    expect(notes.join()).toMatch(/Blackwell does not need it/)
  })

  it('names what it cannot emit', () => {
    expect(() => emitMegatron({ ...request, plan: { ...request.plan, sharding: 'full' } })).toThrow(/sharding full/)
    expect(() => emitMegatron({ ...request, plan: { ...request.plan, tensorParallel: 3 } })).toThrow(/must divide/)
    expect(() => emitMegatron({ ...request, recipe: { ...recipe, learningRate: Number.NaN } })).toThrow(/learningRate/)
    expect(() => emitMegatron({ ...request, recipe: { ...recipe, warmupSteps: 1e9 } })).toThrow(/warmupSteps/)
  })

  it('quotes words for a shell', () => {
    expect(['a.b-c/1', '', 'a b', '$HOME', "'"].map(shellQuote)).toEqual([
      'a.b-c/1',
      "''",
      "'a b'",
      "'$HOME'",
      "''\\'''",
    ])
  })

  it('writes a Slurm script', () => {
    const script = emitSlurm(request, { jobName: 'v3-13b', partition: 'gpu', days: 3 })
    expect(script).toMatch(/^#!\/bin\/bash\n#SBATCH --job-name=v3-13b\n#SBATCH --partition=gpu\n#SBATCH --nodes=16\n/)
    expect(script).toContain('#SBATCH --time=3-00:00:00')
    expect(script).toContain('export CUDA_DEVICE_MAX_CONNECTIONS=1')
    expect(script).toMatch(
      /srun torchrun --nnodes 16 .*\n.*rdzv-endpoint "\$MASTER_ADDR:\$MASTER_PORT" \\\n {2}pretrain_gpt.py \\\n/,
    )
    expect(script).toMatch(/# The recipe has a z-loss/)
    expect(() => emitSlurm(request, { jobName: 'a\n#SBATCH --x' })).toThrow(/jobName must be/)
  })
})

describe('fromArchitecture', () => {
  it('translates', () => {
    const architecture = {
      hiddenSize: 5120,
      intermediateSize: 13_824,
      numHiddenLayers: 40,
      numAttentionHeads: 40,
      numKeyValueHeads: 40,
      headDim: 128,
      vocabSize: 99_487,
      tieWordEmbeddings: false,
    }
    expect(fromArchitecture(architecture)).toMatchObject(v3_13b)
    const experts = { numExperts: 8, numExpertsPerToken: 2, intermediateSize: 13_824 }
    expect(fromArchitecture({ ...architecture, experts }).experts).toMatchObject({ count: 8, topK: 2, ffn: 13_824 })
  })
})

describe('emitTorchtitan', () => {
  const request = {
    model: { ...v3_13b, name: 'llm-jp-3-13b' },
    cluster: { gpu: 'H100', nodes: 16, gpusPerNode: 8 },
    plan: { tensorParallel: 2, pipelineParallel: 2, microBatchSize: 2, globalBatchSize: 1024, sequenceLength: 4096 },
    recipe,
  }
  /** The job file as { section: { key: value } }; its values are JSON but for the numbers. */
  const parse = (toml: string) => {
    const sections: Record<string, Record<string, unknown>> = {}
    let section = ''
    for (const line of toml.split('\n')) {
      const head = /^\[(\w+)\]$/.exec(line)
      const field = /^(\w+) = (.+)$/.exec(line)
      if (head) sections[(section = head[1])] = {}
      else if (field) sections[section][field[1]] = JSON.parse(field[2])
      else expect(line).toMatch(/^(#.*)?$/)
    }
    return sections
  }

  it('writes the job of LLM-jp-3 13B', () => {
    const { toml, tomlCommand: command, tomlNotes: notes } = emitTorchtitan(request)
    const job = parse(toml)
    expect(job.parallelism).toMatchObject({
      data_parallel_shard_degree: 32,
      data_parallel_replicate_degree: 1,
      tensor_parallel_degree: 2,
      pipeline_parallel_degree: 2,
      pipeline_parallel_schedule: '1F1B',
      // 40 layers, embedding and output make 42.
      pipeline_parallel_layers_per_stage: 21,
      pipeline_parallel_microbatch_size: 2,
    })
    expect(job.training).toMatchObject({ local_batch_size: 32, global_batch_size: 1024, seq_len: 4096, max_norm: 1 })
    expect(job.optimizer).toMatchObject({ lr: 2e-4, beta2: 0.95, eps: 1e-8, weight_decay: 0.1 })
    expect(job.lr_scheduler.decay_type).toBe('cosine')
    expect(job.lr_scheduler.min_lr_factor).toBeCloseTo(0.1, 9)
    expect(notes.join('\n')).toContain('dim=5120, n_layers=40, n_heads=40, n_kv_heads=40')
    expect(command).toMatch(/^torchrun --nnodes 16 --nproc-per-node 8 .*torchtitan\.train/)
  })

  it("gives the MLP width by torchtitan's own formula", () => {
    const { tomlNotes: notes } = emitTorchtitan(request)
    const [, multiple, , multiplier = '1'] = /multiple_of=(\d+)(, ffn_dim_multiplier=([\d.]+))?/.exec(notes[0])!
    const width = Math.floor(Number(multiplier) * Math.floor((2 * 4 * v3_13b.hidden) / 3))
    expect(Number(multiple) * Math.ceil(width / Number(multiple))).toBe(v3_13b.ffn)
  })

  it("cuts pipelines by torchtitan's own rule, or names the modules", () => {
    let named = 0
    for (const layers of [20, 25, 32, 40, 64, 96]) {
      for (const pipelineParallel of [2, 4, 8, 16]) {
        for (const virtualPipeline of [1, 2, 3]) {
          const plan = { ...request.plan, pipelineParallel, virtualPipeline, tensorParallel: 1, microBatchSize: 1 }
          let job: ReturnType<typeof emitTorchtitan>
          try {
            job = emitTorchtitan({ ...request, model: { ...v3_13b, layers }, plan: { ...plan, globalBatchSize: 2048 } })
          } catch (error) {
            expect(String(error)).toMatch(/cannot be split/)
            continue
          }
          const chunks = pipelineParallel * virtualPipeline
          const {
            pipeline_parallel_layers_per_stage: each,
            module_fqns_per_model_part: names,
            pipeline_parallel_schedule: schedule,
          } = parse(job.toml).parallelism as Record<string, any>
          // distributed/pipeline_parallel.py: chunks = ceil((layers + 1 + 1) / each), one a rank for 1F1B, at least two
          // for Interleaved1F1B.
          if (each !== undefined) expect(Math.ceil((layers + 2) / each)).toBe(chunks)
          else {
            named++
            expect(names).toHaveLength(chunks)
            const all = Array.from({ length: layers }, (_, i) => `layers.${i}`)
            expect(names.flat()).toEqual(['tok_embeddings', ...all, 'norm', 'output'])
            expect(job.python).toContain('"norm","lm_head"]]')
          }
          expect(schedule).toBe(virtualPipeline > 1 ? 'Interleaved1F1B' : '1F1B')
        }
      }
    }
    expect(named).toBeGreaterThan(3)
  })

  it('writes the configuration in Python that current versions read', () => {
    const { python, command } = emitTorchtitan(request)
    expect(command).toMatch(/--module kumiki_job --config job$/)
    for (const line of [
      'as of b5bcd76c',
      'DIM, HEADS, VOCABULARY = 5120, 40, 99584',
      'hidden_dim=13824',
      'betas=(0.9, 0.95)',
      'num_tokens_per_microbatch_per_dp_rank=2 * 4096',
      'num_tokens_per_train_step=1024 * 4096',
      'num_pp_microbatches=16',
      'tensor_parallel_degree=2',
      'activation_checkpoint=None',
    ])
      expect(python).toContain(line)
  })

  it('maps WSD and refuses what torchtitan lacks', () => {
    const wsd = { ...recipe, schedule: 'wsd' as const, wsdDecaySteps: 49412, wsdDecayStyle: 'minus_sqrt' as const }
    expect(parse(emitTorchtitan({ ...request, recipe: wsd }).toml).lr_scheduler).toMatchObject({
      decay_type: 'sqrt',
      decay_ratio: 49412 / recipe.trainSteps,
    })
    expect(() => emitTorchtitan({ ...request, recipe: { ...wsd, wsdDecayStyle: 'exponential' } })).toThrow(
      /exponential is not supported/,
    )
    expect(() =>
      emitTorchtitan({ ...request, model: v4_8b, plan: { ...request.plan, tensorParallel: 16, globalBatchSize: 64 } }),
    ).toThrow(/tensorParallel 16 must divide the 8 key\/value heads/)
    expect(() => emitTorchtitan({ ...request, model: { ...v3_13b, biases: 'qkv' } })).toThrow(/this model differs/)
    expect(() => emitTorchtitan({ ...request, plan: { ...request.plan, precision: 'fp8' } })).toThrow(
      /precision must be bf16/,
    )
    expect(() =>
      emitTorchtitan({
        ...request,
        model: v4_32bA3b,
        plan: { ...request.plan, pipelineParallel: 1, tensorParallel: 1, globalBatchSize: 256 },
      }),
    ).toThrow(/mixtures of experts/)
  })
})
