"""Makes megatron-samplers.json: batch sizes and sample numbers as Megatron-LM's own calculator and samplers give them.

    pip install torch==2.15.0 && pip install --no-deps megatron-core==0.16.1
    python make_megatron_samplers.py DATA_SAMPLERS > megatron-samplers.json

DATA_SAMPLERS is megatron/training/datasets/data_samplers.py of Megatron-LM at commit d98e8a64dd; what it imports of the training loop is stood in for here.
"""

import json
import sys
import types

import torch
from megatron.core.num_microbatches_calculator import RampupBatchsizeNumMicroBatchesCalculator


def stand_in(name, **members):
    module = types.ModuleType(name)
    for key, value in members.items():
        setattr(module, key, value)
    sys.modules[name] = module


stand_in('megatron.training', get_args=None)
stand_in('megatron.training.dist_signal_handler', DistributedSignalHandler=None)
stand_in('megatron.core.mpu')
sys.modules['megatron.core'].mpu = sys.modules['megatron.core.mpu']
stand_in('megatron.core.datasets.utils', Split=None)
samplers = types.ModuleType('samplers')
exec(open(sys.argv[1]).read(), samplers.__dict__)


def sizes(start, increment, samples, full, micro, dp, decrease, steps):
    calculator = RampupBatchsizeNumMicroBatchesCalculator(full, micro, dp, decrease, 1, start, increment, samples)
    consumed, found = 0, []
    for _ in range(steps):
        calculator.update(consumed, False)
        size = calculator.get() * micro * dp
        found.append(size)
        consumed += size
    return found


def numbers(total, micro, dp, sharding, consumed, blocks):
    made = [
        samplers.MegatronPretrainingRandomSampler(None, total, consumed, micro, rank, dp, sharding) for rank in range(dp)
    ]
    iterators = [iter(one) for one in made]
    found = []
    for _ in range(blocks):
        for rank, sampler in enumerate(made):
            try:
                batch = next(iterators[rank])
            except StopIteration:  # the training loop begins anew
                iterators[rank] = iter(sampler)
                batch = next(iterators[rank])
            found.extend(batch)
    return found


ramps = [
    dict(start=32, increment=32, samples=1000, full=256, micro=2, dp=8, decrease=False, steps=20),
    dict(start=16, increment=8, samples=777, full=64, micro=1, dp=8, decrease=False, steps=40),
    dict(start=10, increment=5, samples=333, full=100, micro=1, dp=7, decrease=True, steps=30),
    dict(start=64, increment=64, samples=6400, full=192, micro=4, dp=16, decrease=False, steps=70),
]
orders = [
    dict(total=100, micro=2, dp=4, sharding=True, consumed=0, blocks=30),
    dict(total=103, micro=3, dp=2, sharding=True, consumed=36, blocks=40),
    dict(total=100, micro=2, dp=4, sharding=False, consumed=0, blocks=30),
    dict(total=61, micro=4, dp=3, sharding=False, consumed=24, blocks=14),
    dict(total=1000, micro=1, dp=1, sharding=True, consumed=990, blocks=20),
]
print(
    json.dumps(
        {
            'source': f'Megatron-LM d98e8a64dd, megatron-core 0.16.1, torch {torch.__version__.split("+")[0]}',
            'ramps': [{**case, 'sizes': sizes(**case)} for case in ramps],
            'orders': [{**case, 'numbers': numbers(**case)} for case in orders],
        }
    ).replace('}, {', '},\n {')
)
