"""Makes megatron-preprocess.json: SHA-256 of the files that Megatron-LM's own tools/preprocess_data.py writes for known ids.

    pip install numpy torch==2.15.0 && pip install --no-deps megatron-core==0.16.1
    python make_preprocess.py PREPROCESS > megatron-preprocess.json

PREPROCESS is tools/preprocess_data.py of Megatron-LM at commit d98e8a64dd. Its tokenizer is stood in for by one that reads ids between spaces; the
ids are a formula (`token`, `length`) that the test has too.
"""

import hashlib
import json
import runpy
import sys
import tempfile
import types
from pathlib import Path


def length(document, empty):
    """Every so many-th document has no text."""
    if empty and document % empty == empty - 1:
        return 0
    return 1 + (document * 2654435761 % 2**32 >> 9) % 90


def token(document, i, vocabulary):
    return (document * 7919 + i * 104729) % vocabulary


class Tokenizer:
    def __init__(self, vocab_size):
        self.vocab_size = vocab_size
        self.eod = 2

    def tokenize(self, text):
        return [int(word) for word in text.split()]


def stand_in(name, **members):
    module = types.ModuleType(name)
    module.__dict__.update(members)
    sys.modules[name] = module


def add_tokenizer(parser):
    parser.add_argument('--tokenizer-type', default='NullTokenizer')
    return parser


tool = sys.argv[1]
found = []
cases = ((32000, 300, True, 0), (99584, 300, True, 0), (65499, 100, False, 0), (65500, 100, False, 0), (32000, 300, True, 3), (99584, 40, False, 1))
for vocabulary, documents, append, empty in cases:
    stand_in('megatron.core.tokenizers.utils.build_tokenizer', build_tokenizer=lambda args, v=vocabulary: Tokenizer(v))
    stand_in('megatron.training')
    stand_in('megatron.training.arguments', _add_tokenizer_args=add_tokenizer)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'texts.jsonl')
        lines = [' '.join(str(token(d, i, vocabulary)) for i in range(length(d, empty))) for d in range(documents)]
        path.write_text(''.join(json.dumps({'text': line}) + '\n' for line in lines))
        sys.argv = ['preprocess_data.py', '--input', str(path), '--output-prefix', f'{folder}/out', '--workers', '1']
        sys.argv += ['--append-eod'] if append else []
        kept, sys.stdout = sys.stdout, sys.stderr
        runpy.run_path(tool, run_name='__main__')
        sys.stdout = kept
        hashes = {end: hashlib.sha256(Path(f'{folder}/out_text_document.{end}').read_bytes()).hexdigest() for end in ('bin', 'idx')}
        found.append({'vocabulary': vocabulary, 'documents': documents, 'append': append, 'empty': empty, **hashes})
print(json.dumps({'source': 'Megatron-LM d98e8a64dd tools/preprocess_data.py, megatron-core 0.16.1', 'cases': found}, indent=1))
