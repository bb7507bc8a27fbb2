"""Reads the event file of make_tensorboard_events.mjs with TensorBoard's own reader and holds every field against what was written.

    python -m venv venv && venv/bin/pip install tensorboard==2.21.0
    node --conditions=source --import tsx vectors/make_tensorboard_events.mjs /tmp/events
    venv/bin/python vectors/check_tensorboard.py /tmp/events
"""
import math
import struct
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util

accumulator = EventAccumulator(sys.argv[1], purge_orphaned_data=True)
accumulator.Reload()


def single(x):
    return struct.unpack("f", struct.pack("f", x))[0]


def scalars(tag):
    return [(e.step, e.wall_time, e.value) for e in accumulator.Scalars(tag)]


assert sorted(accumulator.Tags()["scalars"]) == ["optimizer/gradNorm", "optimizer/learningRate", "train/loss", "train/tokens"]
assert accumulator.file_version == 2.0, accumulator.file_version
# The restart at step 2 takes back steps 2 and 10,526,120.
assert scalars("train/loss") == [(1, 1_700_000_001.5, 11.25), (2, 1_700_000_005.0, 10.5)], scalars("train/loss")
assert scalars("optimizer/learningRate") == [(1, 1_700_000_001.5, single(3e-4))]
assert scalars("optimizer/gradNorm") == [] and scalars("train/tokens") == []
[text] = accumulator.Tensors("configuration")
assert tensor_util.make_ndarray(text.tensor_proto)[0].decode() == '```json\n{"seed": 1, "名": "組木"}\n```'
assert accumulator.SummaryMetadata("configuration").plugin_data.plugin_name == "text"
whole = EventAccumulator(sys.argv[1], purge_orphaned_data=False)
whole.Reload()
losses = [(e.step, e.value) for e in whole.Scalars("train/loss")]
assert losses[0] == (1, 11.25) and math.isnan(losses[1][1]), losses
assert losses[2] == (10_526_120, single(1e-45)) and losses[3] == (2, 10.5), losses
assert [e.value for e in whole.Scalars("optimizer/gradNorm")] == [math.inf]
assert [e.value for e in whole.Scalars("train/tokens")] == [single(2.2e13)]
print("read back equal")
