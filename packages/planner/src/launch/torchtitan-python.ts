/** Generates the Python configuration of a torchtitan job. */
import { paddedVocab } from '../estimate/memory.ts'
import type { ResolvedModel } from '../model/model.ts'
import type { ResolvedPlan } from '../plan/parallel-plan.ts'
import type { LaunchRecipe } from './launch-recipe.ts'
import type { LaunchRequest } from './launch-request.ts'

/** Values of a configuration in Python and in TOML. */
export type Value = string | number | boolean | readonly (readonly string[])[]

/**
 * The configuration as a Python module. Functions with a leading underscore are private ones of torchtitan, at the
 * commit that the module names.
 */
export function pythonModule(
  request: LaunchRequest,
  model: ResolvedModel,
  plan: ResolvedPlan,
  recipe: LaunchRecipe,
  notes: readonly string[],
  parallelism: Record<string, Value>,
  schedule: Record<string, Value>,
  flavor: string,
): string {
  const call = (fields: Record<string, Value>, indent: string) =>
    Object.entries(fields)
      .map(([key, value]) => `${indent}${key}=${pythonValue(value)},`)
      .join('\n')
  const recomputing =
    plan.recompute === 'none' ? 'None' : plan.recompute === 'full' ? 'FullAC.Config()' : 'SelectiveAC.Config()'
  return `${notes.map((note) => `# ${note}`).join('\n')}
# For pytorch/torchtitan as of b5bcd76c (August 2026). Save as kumiki_job.py.
import torchtitan.models.llama3 as llama3
from torchtitan.components.checkpointer import CheckpointManager
from torchtitan.components.data import ConcatThenSplitPackingConfig, GrainDataLoader
from torchtitan.components.loss import ChunkedLossWrapper, CrossEntropyLoss
from torchtitan.components.metrics import MetricsProcessor
from torchtitan.components.optimizer import LRSchedulersContainer, default_adamw
from torchtitan.config import CompileConfig, ParallelismConfig, TrainingConfig
from torchtitan.distributed.activation_checkpoint import FullAC, SelectiveAC
from torchtitan.hf_datasets.text_datasets import DATASETS
from torchtitan.models.common import ComplexRoPE, Embedding, Linear, RMSNorm
from torchtitan.models.common.config_utils import decoder_vocab_size
from torchtitan.trainer import Trainer

DIM, HEADS, VOCABULARY = ${model.hidden}, ${model.heads}, ${paddedVocab(model, plan)}
EPSILON = ${request.rmsNormEps ?? 1e-5}


def _model(attn_backend: str, tp_gemm_backend="default") -> llama3.Llama3Model.Config:
    layers = llama3._build_llama3_layers(
        n_layers=${model.layers},
        dim=DIM,
        n_heads=HEADS,
        n_kv_heads=${model.kvHeads},
        hidden_dim=${model.ffn},
        rope=ComplexRoPE.Config(
            dim=DIM // HEADS, max_context_length=${Math.max(request.maxPositionEmbeddings ?? 0, plan.sequenceLength)}, theta=${request.ropeTheta ?? 10_000}
        ),
        attn_backend=attn_backend,
        tp_gemm_backend=tp_gemm_backend,
    )
    for layer in layers:
        layer.attention_norm.eps = layer.ffn_norm.eps = EPSILON
    return llama3.Llama3Model.Config(
        dim=DIM,
        vocab_size=VOCABULARY,
        tok_embeddings=Embedding.Config(
            num_embeddings=VOCABULARY, embedding_dim=DIM, param_init=llama3._EMBEDDING_INIT
        ),
        norm=RMSNorm.Config(normalized_shape=DIM, eps=EPSILON, param_init=llama3._NORM_INIT),
        lm_head=Linear.Config(
            in_features=DIM, out_features=VOCABULARY, param_init=llama3._output_linear_init(DIM)
        ),
        layers=layers,
    )


llama3.llama3_configs[${pythonValue(flavor)}] = _model


def job() -> Trainer.Config:
    model_spec = llama3.model_registry(${pythonValue(flavor)})
    return Trainer.Config(
        model_spec=model_spec,
        hf_assets_path=${pythonValue(request.paths?.tokenizerModel ?? './assets/tokenizer')},
        dump_folder=${pythonValue(request.paths?.checkpoints ?? './outputs')},
        loss=ChunkedLossWrapper.Config(
            loss_fn=CrossEntropyLoss.Config(global_vocab_size=decoder_vocab_size(model_spec)),
        ),
        optimizer=default_adamw(
            lr=${recipe.learningRate},
            betas=(${recipe.beta1}, ${recipe.beta2}),
            eps=${recipe.epsilon},
            weight_decay=${recipe.weightDecay},
        ),
        lr_scheduler=LRSchedulersContainer.Config(
${call(schedule, '            ')}
        ),
        training=TrainingConfig(
            num_tokens_per_microbatch_per_dp_rank=${plan.microBatchSize} * ${plan.sequenceLength},
            num_tokens_per_train_step=${plan.globalBatchSize} * ${plan.sequenceLength},
            max_context_length=${plan.sequenceLength},
            max_norm=${recipe.maxGradNorm},
            steps=${recipe.trainSteps},
            disable_cuda_graphs=True,
        ),
        parallelism=ParallelismConfig(
${call(parallelism, '            ')}
        ),
        dataloader=GrainDataLoader.Config(dataset=ConcatThenSplitPackingConfig(dataset=DATASETS["c4"])),
        metrics=MetricsProcessor.Config(log_freq=10),
        checkpoint=CheckpointManager.Config(enable=True, interval=${request.saveInterval ?? 1000}, async_mode="async"),
        activation_checkpoint=${recomputing},
        compile=CompileConfig(enable=True),
    )
`
}

function pythonValue(value: Value): string {
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  return typeof value === 'number' ? String(value) : JSON.stringify(value)
}
