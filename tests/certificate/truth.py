"""Whether a certificate's claim is true, judged in floating point and without any code of the checker.

Used only to excuse mutants that happen to state another truth. `None`: no judgement (the claim has no meaning).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np

DOMAIN = {
    "real": lambda r: r.choice((-1, 1)) * r.uniform(0.1, 2.5),
    "nonzero": lambda r: r.choice((-1, 1)) * r.uniform(0.1, 2.5),
    "positive": lambda r: r.uniform(0.05, 2.5),
    "nonnegative": lambda r: r.uniform(0.0, 2.5),
    "negative": lambda r: -r.uniform(0.05, 2.5),
}
CLOSE = 1e-7
mp = mpmath.mp.clone()
mp.dps = 30


class Undefined(Exception):
    """An expression has no real value here."""


def number(tree: Any, at: dict[str, Any]) -> Any:
    """The value of a tree in 30 digits."""
    if isinstance(tree, str):
        return at[tree] if tree in at else mp.mpf(Fraction(tree).numerator) / Fraction(tree).denominator
    op, rest = tree[0], [number(t, at) if not isinstance(t, int) else t for t in tree[1:]]
    one: dict[str, Callable[..., Any]] = {
        "+": lambda *p: mp.fsum(p),
        "*": lambda *p: mp.fprod(p),
        "-": lambda *p: -p[0] if len(p) == 1 else p[0] - p[1],
        "/": lambda a, b: a / b,
        "^": lambda a, b: a**b,
        "sigmoid": lambda u: 1 / (1 + mp.exp(-u)),
        "softplus": lambda u: mp.log(1 + mp.exp(u)),
        "given": lambda u: u,
        "abs": abs,
        "max": max,
        "min": min,
    }
    try:
        value = one[op](*rest) if op in one else getattr(mp, op)(*rest)
    except (ZeroDivisionError, ValueError, OverflowError) as problem:
        raise Undefined from problem
    if isinstance(value, mp.mpc) or not mp.isfinite(value):
        raise Undefined
    return value


def places(c: dict[str, Any], count: int = 12, spread: float = 1.0) -> Iterator[dict[str, Any]]:
    """Random points that satisfy the assumptions."""
    r, found = random.Random(7), 0
    for _ in range(60 * count):
        at = {
            name: mp.mpf(DOMAIN[a](r) * spread * r.choice((1, 1, 1, 0.01))) for name, a in c.get("symbols", {}).items()
        }
        try:
            if all((number(left, at) > number(right, at)) == (op == ">") for op, left, right in c.get("assume", [])):
                yield at
                found += 1
        except Undefined:
            continue
        if found == count:
            return


def always(c: dict[str, Any], gap: Callable[[dict[str, Any]], list[Any]]) -> bool | None:
    """Whether all gaps vanish wherever they are defined."""
    seen = False
    for at in places(c):
        try:
            gaps = gap(at)
        except Undefined:
            continue
        seen = True
        if any(abs(g) > CLOSE for g in gaps):
            return False
    return True if seen else None


def slope(tree: Any, name: str, at: dict[str, Any]) -> Any:
    """A central difference."""
    step = mp.mpf("1e-9")
    up, down = (number(tree, {**at, name: at[name] + s}) for s in (step, -step))
    return (up - down) / (2 * step)


def identity(c: dict[str, Any]) -> bool | None:
    def gap(at: dict[str, Any]) -> list[Any]:
        left, right = number(c["left"], at), number(c["right"], at)
        return [(left - right) / (1 + abs(left) + abs(right))]

    return always(c, gap)


def derivative(c: dict[str, Any]) -> bool | None:
    return always(c, lambda at: [slope(c["of"], c["in"], at) - number(c["is"], at)])


def cost(player: dict[str, Any]) -> Any:
    return player["minimize"] if "minimize" in player else ["-", player["maximize"]]


def field(c: dict[str, Any]) -> bool | None:
    pairs = [(cost(p), v) for p in c["players"] for v in p["moves"]]
    return always(c, lambda at: [slope(loss, v, at) - number(c["field"][v], at) for loss, v in pairs])


def jacobian(c: dict[str, Any]) -> bool | None:
    def gap(at: dict[str, Any]) -> list[Any]:
        here = {**at, **{n: number(t, at) for n, t in c.get("at", {}).items()}}
        out = [
            slope(f, v, here) - number(e, at)
            for f, row in zip(c["functions"], c["rows"])
            for v, e in zip(c["order"], row)
        ]
        if "time" in c:
            target = {n: here[n] if c["time"] == "discrete" else 0 for n in c["order"]}
            out += [number(f, here) - target[n] for f, n in zip(c["functions"], c["order"])]
        return out

    return always(c, gap)


def _numbers(rows: Any, at: dict[str, Any] | None = None) -> Any:
    return np.array([[float(number(e, at or {})) for e in row] for row in rows])


def _counts(a: Any, time: str) -> tuple[int, int, int]:
    values = np.linalg.eigvals(a)
    distance = np.abs(values) - 1 if time == "discrete" else values.real
    return int((distance < -1e-5).sum()), int((abs(distance) <= 1e-5).sum()), int((distance > 1e-5).sum())


def _polynomial_right(c: dict[str, Any], a: Any) -> bool:
    stated = c.get("characteristic_polynomial")
    return stated is None or (
        len(stated) == len(a) + 1 and np.allclose([float(Fraction(k)) for k in stated], np.poly(a), atol=1e-9)
    )


def _semisimple(a: Any, time: str) -> bool:
    values = np.linalg.eigvals(a)
    on = [v for v in values if abs((abs(v) - 1) if time == "discrete" else v.real) <= 1e-5]
    size = len(a)
    return all(
        size - np.linalg.matrix_rank(a - v * np.eye(size), tol=1e-5) >= sum(abs(w - v) < 1e-4 for w in on) for v in on
    )


def _stability(c: dict[str, Any], time: str) -> bool | None:
    a = _numbers(c["matrix"])
    if not _polynomial_right(c, a):
        return False
    shifted = (
        a / float(Fraction(c.get("radius", "1")))
        if time == "discrete"
        else a - float(Fraction(c.get("abscissa", "0"))) * np.eye(len(a))
    )
    _, on, outside = _counts(shifted, time)
    verdict = "unstable" if outside else "marginal" if on else "stable"
    right = verdict == c["claim"]
    return right and ("boundary" not in c or (on > 0 and _semisimple(shifted, time) == (c["boundary"] == "semisimple")))


def schur(c: dict[str, Any]) -> bool | None:
    return _stability(c, "discrete")


def hurwitz(c: dict[str, Any]) -> bool | None:
    return _stability(c, "continuous")


def spectrum(c: dict[str, Any]) -> bool | None:
    a = _numbers(c["matrix"])
    right = _counts(a, c["time"]) == (c["inside"], c["on"], c["outside"]) and _polynomial_right(c, a)
    return right and _semisimple(a, c["time"]) == c.get("semisimple", _semisimple(a, c["time"]))


def lyapunov(c: dict[str, Any]) -> bool | None:
    for at in places(c):
        a, p = _numbers(c["matrix"], at), _numbers(c["P"], at)
        if "rate" in c:
            rate = float(number(c["rate"], at))
            a = a / rate if c["time"] == "discrete" else a + rate * np.eye(len(a))
        drop = p - a.T @ p @ a if c["time"] == "discrete" else -(p @ a + a.T @ p)
        if not np.allclose(p, p.T) or min(np.linalg.eigvalsh(p)) <= 0 or min(np.linalg.eigvalsh(drop)) <= 0:
            return False
    return True


def _change(c: dict[str, Any], v: Any, at: dict[str, Any]) -> Any:
    after = [number(f, at) for f in c["functions"]]
    if c["time"] == "discrete":
        return number(v, {**at, **dict(zip(c["order"], after))}) - number(v, at)
    return mp.fsum(slope(v, n, at) * f for n, f in zip(c["order"], after))


def conserved(c: dict[str, Any]) -> bool | None:
    varies = any(abs(slope(c["quantity"], n, at)) > CLOSE for at in places(c) for n in c["order"])
    return varies and always(c, lambda at: [_change(c, c["quantity"], at)])


def _square(part: dict[str, Any], at: dict[str, Any]) -> Any:
    basis = [number(t, at) for t in part["basis"]]
    return mp.fsum(b * number(e, at) * d for b, row in zip(basis, part["gram"]) for d, e in zip(basis, row))


def lyapunov_polynomial(c: dict[str, Any]) -> bool | None:
    def gap(at: dict[str, Any]) -> list[Any]:
        here = {**at, **{n: number(c.get("at", {}).get(n, "0"), at) for n in c["order"]}}
        fixed = [
            number(f, here) - (here[n] if c["time"] == "discrete" else 0) for f, n in zip(c["functions"], c["order"])
        ]
        drop = -_change(c, c["V"], at) - _square(c["decrease"], at)
        if "region" in c:
            drop -= _square(c["region"]["multiplier"], at) * (number(c["region"]["level"], at) - number(c["V"], at))
        return [*fixed, number(c["V"], here), number(c["V"], at) - _square(c["positive"], at), drop]

    for at in places(c):
        grams = [_numbers(c["positive"]["gram"], at)]
        if c["claim"] == "asymptotically stable":
            grams.append(_numbers(c["decrease"]["gram"], at))
        if any(min(np.linalg.eigvalsh((g + g.T) / 2)) <= 0 or not np.allclose(g, g.T) for g in grams):
            return False
        if "region" in c and (
            number(c["region"]["level"], at) <= 0
            or min(np.linalg.eigvalsh(_numbers(c["region"]["multiplier"]["gram"], at))) < 0
        ):
            return False
    return always(c, gap)


def region(c: dict[str, Any]) -> bool | None:
    for spread in (0.3, 1.0, 3.0):
        for at in places(c, 60, spread):
            try:
                a = _numbers(c["jacobian"], at)
                named = {name: number(tree, at) for name, tree in c.get("coefficients", [])}
                if named and not np.allclose([float(x) for x in named.values()], np.poly(a)[1:], atol=1e-8):
                    return False
                lists = [c[name] for name in ("conditions", "claim") if name in c]
                values = [
                    [_positive_part(e, {**at, **named}) for e in entry] if entry != "false" else [mp.mpf(-1)]
                    for entry in lists
                ]
            except Undefined:
                continue
            _, on, outside = _counts(a, c["time"])
            if on or any(abs(x) < 1e-6 for entry in values for x in entry):
                continue
            if any(all(x > 0 for x in entry) != (outside == 0) for entry in values):
                return False
    return True


def _positive_part(e: Any, at: dict[str, Any]) -> Any:
    if isinstance(e, list) and e[0] in ("<", ">"):
        gap = number(e[1], at) - number(e[2], at)
        return gap if e[0] == ">" else -gap
    return number(e, at)


def correspondence(c: dict[str, Any]) -> bool | None:
    if "parts" in c:
        return all(JUDGES[part["kind"]](part) for part in c["parts"])
    order = [v for p in c["second"] for v in p["moves"]]
    per_player = c["relation"] == "constant-per-player"

    def gap(at: dict[str, Any]) -> list[Any]:
        out = []
        for k, (ours, theirs) in enumerate(zip(c["first"], c["second"])):
            factor = "1" if "factors" not in c else c["factors"][k] if per_player else c["factors"]
            size = number(factor, at)
            out += [max(mp.mpf(0), -size)] + (
                [] if c["relation"] == "function" else [slope(factor, n, at) for n in order]
            )
            mine = _substituted(cost(ours), c["map"])
            if c["relation"] == "identical":
                out.append(number(mine, at) - number(cost(theirs), at))
            out += [slope(mine, n, at) - size * slope(cost(theirs), n, at) for n in theirs["moves"]]
        return out

    return always(c, gap)


def _substituted(tree: Any, table: dict[str, Any]) -> Any:
    if isinstance(tree, str):
        return table.get(tree, tree)
    return [tree[0], *(t if isinstance(t, int) else _substituted(t, table) for t in tree[1:])]


def double_oracle(c: dict[str, Any]) -> bool | None:
    """In fractions, by deviations to every pure strategy; the next strategies are found from the gains alone."""
    A = np.array([[Fraction(e) for e in row] for row in c["payoff"]], dtype=object)
    old: tuple[set[int], set[int]] = (set(), set())
    wanted: tuple[set[int], set[int]] = ({c["start"][0]}, {c["start"][1]})
    for k, one in enumerate(c["rounds"]):
        x, y = np.zeros(A.shape[0], dtype=object), np.zeros(A.shape[1], dtype=object)
        for place, share in zip(one["rows"], one["row"], strict=True):
            x[place] += Fraction(share)
        for place, share in zip(one["columns"], one["column"], strict=True):
            y[place] += Fraction(share)
        new = set(one["rows"]) - old[0], set(one["columns"]) - old[1]
        for got, want in zip(new, wanted, strict=True):
            if not got <= want or bool(got) != bool(want) or len(got) > 1:
                return False
        if min(*x, *y) < 0 or sum(x) != 1 or sum(y) != 1 or x @ A @ y != Fraction(one["value"]):
            return False
        value, up, down = x @ A @ y, A @ y, x @ A
        if any(up[i] > value for i in one["rows"]) or any(down[j] < value for j in one["columns"]):
            return False
        wanted = (
            {i for i in range(len(x)) if up[i] == max(up) > value},
            {j for j in range(len(y)) if down[j] == min(down) < value},
        )
        old = set(one["rows"]), set(one["columns"])
        if not wanted[0] and not wanted[1]:
            return k == len(c["rounds"]) - 1
    return False


JUDGES: dict[str, Callable[[dict[str, Any]], bool | None]] = {
    f.__name__: f
    for f in (
        identity,
        derivative,
        field,
        jacobian,
        schur,
        hurwitz,
        spectrum,
        lyapunov,
        conserved,
        lyapunov_polynomial,
        region,
        correspondence,
        double_oracle,
    )
}
