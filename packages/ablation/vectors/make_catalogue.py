"""Published designs: the catalogue of Chen, Sun and Wu (1993) and what was published for more runs since, and Plackett-Burman designs, as others hold them.

    pip install rdata==1.1.0
    python make_catalogue.py sysdata.rda > catalogue.json

`sysdata.rda` is R/sysdata.rda of the R package FrF2 2.3-4 (CRAN): its `catlg` is the catalogue, in which the first entry for each number of factors
and runs has least aberration (word counts up to length 7, fewer for the largest); its `pb.list` has the first rows that Plackett and Burman printed in 1946. `clear` are
designs of 16 and 32 runs by their generators (columns in Yates order: bit i is base factor i) and how many two-factor interactions FrF2 says are clear in each.
"""
import json
import sys
import warnings

import rdata

warnings.simplefilter('ignore')
data = rdata.read_rda(sys.argv[1])
patterns = {}
clear = {}
for entry in data['catlg'].values():
    factors, runs = int(entry['nfac'][0]), int(entry['nruns'][0])
    if runs > 128:
        continue
    key = f'{factors} in {runs}'
    words = [int(x) for x in list(entry['WLP'])]
    # In catlg the counts of 21 and 22 factors in 32 runs are split after their third digit: 641 160 8 for 641 1608.
    if key in ('21 in 32', '22 in 32'):
        words[5:7] = [10 * words[5] + words[6]]
    if key not in patterns:
        patterns[key] = ' '.join(str(x) for x in words[: min(7, factors)])
    if runs in (16, 32) and len(clear.setdefault(key, [])) < 3:
        clear[key].append([[int(g) for g in entry['gen']], int(entry['nclear.2fis'][0])])

numbers, rows = data['pb.list']
plackett_burman = {
    int(n[0]): ''.join('+' if x > 0 else '-' for x in row) for n, row in zip(numbers, rows) if int(n[0]) in (12, 20, 24)
}
result = {
    'source': 'R package FrF2 2.3-4: catlg, pb.list',
    'patterns': patterns,
    'clear': clear,
    'plackettBurman': plackett_burman,
}
lines = [
    f'  {json.dumps(name)}: '
    + (json.dumps(of) if isinstance(of, str) else '{\n' + ',\n'.join(f'    {json.dumps(str(k))}: {json.dumps(v)}' for k, v in of.items()) + '\n  }')
    for name, of in result.items()
]
print('{\n' + ',\n'.join(lines) + '\n}')
