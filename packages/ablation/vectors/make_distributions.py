"""Tails and quantiles to 17 digits, by mpmath at 60 digits (noncentral F by its Poisson mixture there).

    python -m venv /tmp/vectors && /tmp/vectors/bin/pip install mpmath && /tmp/vectors/bin/python make_distributions.py > distributions.json
"""
import json

import mpmath as mp

mp.mp.dps = 60


def text(x):
    return float(mp.nstr(x, 20))


def f_tail(x, d1, d2):
    x, d1, d2 = mp.mpf(x), mp.mpf(d1), mp.mpf(d2)
    return mp.betainc(d2 / 2, d1 / 2, 0, d2 / (d2 + d1 * x), regularized=True)


def chi_tail(x, k):
    return mp.gammainc(mp.mpf(k) / 2, mp.mpf(x) / 2, mp.inf, regularized=True)


def normal_tail(x):
    return mp.erfc(mp.mpf(x) / mp.sqrt(2)) / 2


def solve(tail, target):
    lo, hi = mp.mpf(10) ** -40, mp.mpf(1)
    while tail(hi) > target:
        hi *= 4
    for _ in range(260):
        mid = (lo + hi) / 2 if hi / lo < 4 else mp.sqrt(lo * hi)
        lo, hi = (mid, hi) if tail(mid) > target else (lo, mid)
    return lo


def noncentral(x, d1, d2, nc):
    x, half = mp.mpf(x), mp.mpf(nc) / 2
    total = mp.mpf(0)
    for j in range(0, int(nc) + 200):
        weight = mp.exp(-half) * half**j / mp.factorial(j)
        total += weight * mp.betainc(mp.mpf(d2) / 2, mp.mpf(d1) / 2 + j, 0, d2 / (d2 + d1 * x), regularized=True)
    return total


degrees = [(1, 1), (1, 2), (1, 3), (2, 7), (3, 1), (5, 30), (1, 250), (40, 4000), (7, 0.5)]
out = {
    "mpmath": mp.__version__,
    "f": [[x, a, b, text(f_tail(x, a, b))] for a, b in degrees for x in (1e-8, 0.01, 0.3, 1, 2.5, 17, 300, 1e5)],
    "fQuantile": [[p, a, b, text(solve(lambda x: f_tail(x, a, b), mp.mpf(p)))] for a, b in degrees[:7] for p in (0.9, 0.5, 0.05, 1e-3, 1e-10)],
    "tQuantile": [[p, k, text(mp.sqrt(solve(lambda x: f_tail(x, 1, k), 2 * mp.mpf(p))))] for k in (1, 2, 3, 8, 31, 500) for p in (0.4, 0.05, 0.025, 0.005, 1e-6)],
    "normal": [[x, text(normal_tail(x))] for x in (-4, -0.5, 0, 1e-5, 0.7, 1.96, 5, 12, 30)],
    "normalQuantile": [[p, text(mp.sqrt(2) * mp.erfinv(1 - 2 * mp.mpf(p)))] for p in (0.499, 0.3, 0.025, 1e-4, 1e-12)],
    "chiSquare": [[x, k, text(chi_tail(x, k))] for k in (1, 2, 5, 64, 1000) for x in (1e-6, 0.5, 4, 60, 900, 1500)],
    "noncentralF": [[x, a, b, nc, text(noncentral(x, a, b, nc))] for a, b in ((1, 2), (1, 10), (3, 24)) for x in (0.5, 4, 18.5) for nc in (0.3, 5, 60)],
}
print(json.dumps(out, separators=(",", ":")).replace('],[', '],\n[').replace(',"', ',\n"'))
