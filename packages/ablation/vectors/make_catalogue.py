"""Published designs: word length patterns of the catalogue of Chen, Sun and Wu (1993), and Plackett-Burman designs, as others hold them.

    pip install rdata==1.1.0
    python make_catalogue.py sysdata.rda > catalogue.json

`sysdata.rda` is R/sysdata.rda of the R package FrF2 2.3-4 (CRAN): its `catlg` is the catalogue, in which the first entry for each number of factors
and runs has least aberration (word counts up to length 7); its `pb.list` has the first rows that Plackett and Burman printed in 1946.
"""
import json
import sys
import warnings

import rdata

warnings.simplefilter('ignore')
data = rdata.read_rda(sys.argv[1])
patterns = {}
for entry in data['catlg'].values():
    factors, runs = int(entry['nfac'][0]), int(entry['nruns'][0])
    if runs > 32 or factors > 15:
        continue
    key = f'{factors} in {runs}'
    if key not in patterns:
        patterns[key] = ' '.join(str(int(x)) for x in list(entry['WLP'])[:factors])

numbers, rows = data['pb.list']
plackett_burman = {
    int(n[0]): ''.join('+' if x > 0 else '-' for x in row) for n, row in zip(numbers, rows) if int(n[0]) in (12, 20, 24)
}
print(
    json.dumps(
        {'source': 'R package FrF2 2.3-4: catlg, pb.list', 'patterns': patterns, 'plackettBurman': plackett_burman},
        indent=2,
    )
)
