"""Analyses of variance of type III by statsmodels, corrections by statsmodels, Lenth's margins by numpy and scipy.

    python -m venv /tmp/vectors && /tmp/vectors/bin/pip install numpy pandas scipy statsmodels && /tmp/vectors/bin/python make_anova.py > anova.json
"""
import itertools
import json

import numpy as np
import pandas as pd
import scipy
import statsmodels
import statsmodels.api as sm
import statsmodels.formula.api as smf
from scipy import stats
from statsmodels.stats.multitest import multipletests

rng = np.random.default_rng(11)


def full(levels):
    return [list(reversed(r)) for r in itertools.product(*[range(n) for n in reversed(levels)])]


CASES = [
    # name, levels, runs (or None: full factorial), replicates, missing share, interactions, offset, noise, blocks
    ("3 x 2 balanced", [3, 2], None, 3, 0, [], 0.0, 1.0, None),
    ("3 x 2 with interaction, unbalanced", [3, 2], None, 4, 0.3, [[0, 1]], 5.0, 1.0, None),
    ("2^3, runs missing", [2, 2, 2], None, 2, 0.25, [[0, 1]], 100.0, 0.01, None),
    ("2^4 unreplicated, main effects", [2, 2, 2, 2], None, 1, 0, [], 0.4, 0.002, None),
    ("2^4 unreplicated, two runs lost", [2, 2, 2, 2], None, 1, 0.13, [], 0.4, 0.002, None),
    ("4 x 3 x 2", [4, 3, 2], None, 1, 0, [[1, 2]], -3.0, 0.5, None),
    ("one factor of five levels, uneven", [5], None, 5, 0.2, [], 1e3, 1e-2, None),
    ("2^3 in two blocks", [2, 2, 2], None, 2, 0.1, [[0, 2]], 0.0, 1.0, 2),
    ("half of 3 x 3 x 2 at random", [3, 3, 2], "half", 2, 0, [], 2.0, 1.0, None),
]

out = {"statsmodels": statsmodels.__version__, "scipy": scipy.__version__, "cases": [], "lenth": []}
for name, levels, which, replicates, lost, interactions, offset, noise, blocks in CASES:
    runs = full(levels)
    if which == "half":
        runs = [r for i, r in enumerate(runs) if i % 2 == 0 or i < 8]
    truth = [np.round(rng.normal(0, 3 * noise, n), 4) for n in levels]
    responses, rows = [], []
    block = [sum(r) % blocks for r in runs] if blocks else None
    for i, r in enumerate(runs):
        own = []
        for _ in range(replicates):
            y = offset + sum(t[x] for t, x in zip(truth, r)) + noise * rng.standard_normal()
            if rng.random() < lost:
                own.append(None)
                continue
            own.append(float(y))
            rows.append({**{f"F{k}": x for k, x in enumerate(r)}, **({"B": block[i]} if blocks else {}), "y": float(y)})
        responses.append(own if replicates > 1 else own[0])
    frame = pd.DataFrame(rows)
    main = [f"C(F{k}, Sum)" for k in range(len(levels))]
    inter = [":".join(main[k] for k in i) for i in interactions]
    terms = main + inter + (["C(B, Sum)"] if blocks else [])
    fit = smf.ols("y ~ " + " + ".join(terms), frame).fit()
    table = sm.stats.anova_lm(fit, typ=3)
    p = [float(table.loc[t, "PR(>F)"]) for t in terms]
    entry = {
        "name": name, "levels": levels, "runs": runs, "responses": responses,
        "interactions": interactions, **({"blocks": block} if blocks else {}),
        "residual": [float(fit.df_resid), float(fit.ssr)], "rSquared": float(fit.rsquared), "mean": float(fit.params["Intercept"]),
        "terms": [
            {"df": float(table.loc[t, "df"]), "ss": float(table.loc[t, "sum_sq"]), "F": float(table.loc[t, "F"]), "p": float(table.loc[t, "PR(>F)"]),
             "holm": float(h), "bh": float(b)}
            for t, h, b in zip(terms, multipletests(p, method="holm")[1], multipletests(p, method="fdr_bh")[1])
        ],
    }
    for k, n in enumerate(levels):
        if n == 2:
            # Level 0 is the first of the sum-coded levels: its coefficient is half of (mean at 0 - mean at 1).
            key = f"C(F{k}, Sum)[S.0]"
            entry["terms"][k]["difference"] = -2 * float(fit.params[key])
            entry["terms"][k]["standardError"] = 2 * float(fit.bse[key])
            low, high = fit.conf_int().loc[key]
            entry["terms"][k]["interval"] = [-2 * float(high), -2 * float(low)]
    out["cases"].append(entry)

for n, k in ((8, 3), (16, 4), (16, 5)):
    rows = [[(i >> b) & 1 for b in range(int(np.log2(n)))] for i in range(n)]
    y = rng.normal(0, 1, n) + np.array([4 * r[0] - 2 * r[1] for r in rows])
    contrasts = []
    for s in range(1, n):
        sign = np.array([(-1) ** bin(i & s).count("1") for i in range(n)])
        contrasts.append(abs(float((sign * y).sum() / (n / 2))))
    s0 = 1.5 * np.median(contrasts)
    pse = 1.5 * np.median([c for c in contrasts if c < 2.5 * s0])
    m = n - 1
    out["lenth"].append({"runs": n, "factors": k, "y": [float(v) for v in y], "pse": float(pse), "me": float(stats.t.ppf(0.975, m / 3) * pse),
                         "sme": float(stats.t.ppf((1 + 0.95 ** (1 / m)) / 2, m / 3) * pse)})
print(json.dumps(out, separators=(",", ":")).replace('{"name"', '\n{"name"'))
