"""Loads emitted torchtitan jobs by torchtitan's own code and cuts their pipelines: nothing is refused, and every module stands once, in order.

Usage: python check_torchtitan.py CHECKOUT JOB.py..., with CHECKOUT of pytorch/torchtitan at b5bcd76c and its dependencies installed (no GPU).
The rule for `pipeline_parallel_layers_per_stage` that the tests hold is the one of its distributed/pipeline_parallel.py.
"""
import importlib.util
import sys
import types

sys.path.insert(0, sys.argv[1])
from torchtitan.distributed.pipeline_parallel import (  # noqa: E402
    _generate_llm_fqn_per_model_part,
    _get_pipeline_metadata,
)

for path in sys.argv[2:]:
    spec = importlib.util.spec_from_file_location("kumiki_job", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    config = module.job()
    degree = config.parallelism.pipeline_parallel_degree
    if degree == 1:
        continue
    stages, layers, first, last = _get_pipeline_metadata(
        types.SimpleNamespace(pp=degree), config.parallelism, config.model_spec.model
    )
    names = config.parallelism.module_fqns_per_model_part
    names = names or _generate_llm_fqn_per_model_part(stages, layers, first, last)
    flat = [name for part in names for name in part]
    assert len(names) % degree == 0, path
    assert flat == ["tok_embeddings", *(f"layers.{i}" for i in range(layers)), "norm", "lm_head"], path
print(f"{len(sys.argv) - 2} jobs load")
