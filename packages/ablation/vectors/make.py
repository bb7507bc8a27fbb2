"""Golden values for the analysis, made with statsmodels and scipy.

    python -m venv /tmp/vectors && /tmp/vectors/bin/pip install numpy pandas scipy statsmodels && /tmp/vectors/bin/python make.py > analysis.json

Designs are written out here from their generators, independently of the package.
"""
import itertools
import json
import sys

import numpy as np
import pandas as pd
import scipy
import statsmodels
import statsmodels.api as sm
import statsmodels.formula.api as smf
from scipy import stats
from statsmodels.stats.multitest import multipletests


def build(base, generators):
    """Standard order: the first factor changes fastest."""
    rows = [dict(zip(base, reversed(levels))) for levels in itertools.product((-1, 1), repeat=len(base))]
    for row in rows:
        for name, of in generators.items():
            row[name] = int(np.prod([row[f] for f in of]))
    return rows


CASES = [
    ("5 factors in 8 runs", list("ABC"), {"D": "AB", "E": "AC"}, 1, [], 1e-2, 0.0),
    ("5 factors in 8 runs, 3 replicates", list("ABC"), {"D": "AB", "E": "AC"}, 3, [], 1e-2, 0.6),
    ("7 factors in 8 runs, 2 replicates", list("ABC"), {"D": "AB", "E": "AC", "F": "BC", "G": "ABC"}, 2, [], 1e-2, 0.4),
    ("3 factors in 8 runs with interactions", list("ABC"), {}, 2, [["A", "B"], ["B", "C"], ["A", "B", "C"]], 1.0, 100.0),
    ("6 factors in 16 runs", list("ABCD"), {"E": "ABC", "F": "BCD"}, 1, [["A", "B"]], 1e-3, 2.5),
]


def main():
    rng = np.random.default_rng(7)
    out = {"statsmodels": statsmodels.__version__, "scipy": scipy.__version__, "cases": []}
    for name, base, generators, replicates, interactions, noise, offset in CASES:
        rows = build(base, generators)
        factors = base + list(generators)
        truth = {f: c for f, c in zip(factors, (0.002, -0.004, 0.03, 0.0, 0.006, -0.01, 0.001))}
        data = []
        for run, row in enumerate(rows):
            for _ in range(replicates):
                y = offset + sum(truth[f] * row[f] for f in factors) + noise * rng.standard_normal()
                data.append({**row, "run": run, "y": float(y)})
        frame = pd.DataFrame(data)
        terms = factors + [":".join(i) for i in interactions]
        for i in interactions:
            frame["x" + "".join(i)] = frame[i].prod(axis=1)
        columns = factors + ["x" + "".join(i) for i in interactions]
        fit = smf.ols("y ~ " + " + ".join(columns), frame).fit()
        table = sm.stats.anova_lm(fit, typ=2)
        p = [float(table.loc[c, "PR(>F)"]) for c in columns]
        holm = multipletests(p, method="holm")[1]
        interval = fit.conf_int(0.05)
        effects = []
        for c, term, adjusted in zip(columns, terms, holm):
            row = table.loc[c]
            effects.append({
                "term": term,
                "difference": float(2 * fit.params[c]),
                "low": float(2 * interval.loc[c, 0]),
                "high": float(2 * interval.loc[c, 1]),
                "sumOfSquares": float(row["sum_sq"]),
                "F": float(row["F"]),
                "p": float(row["PR(>F)"]),
                "holm": float(adjusted),
                "cohensF": float(np.sqrt(row["sum_sq"] / fit.ssr)),
                "standardError": float(2 * fit.bse[c]),
            })
        out["cases"].append({
            "name": name, "factors": factors, "runs": len(rows), "generators": {k: list(v) for k, v in generators.items()},
            "interactions": interactions, "replicates": replicates, "levels": [[row[f] for f in factors] for row in rows],
            "responses": [d["y"] for d in data], "effects": effects, "degreesOfFreedom": int(fit.df_resid),
            "residualSumOfSquares": float(fit.ssr), "rSquared": float(fit.rsquared), "mean": float(frame["y"].mean()),
        })
    json.dump(out, sys.stdout, separators=(",", ":"))
    print()


main()
