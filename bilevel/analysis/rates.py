"""The best value of a parameter and the rate it gives; where a parameter crosses the boundary of stability, and how.

Main definitions: `best`, `Best`, `crossings`, `Crossing`.

Rates are spectral radii per step (maps) or spectral abscissas per unit time (flows). "rho < r" is the stability of J/r,
decided exactly in the parameter, so the best rate of any family without further parameters is enclosed between an r
that is reached and one that is not. Up to size four the minimum is one of finitely many algebraic points, and exact;
parameters that only set a scale may stay free.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from bilevel.analysis.analyse import analyse
from bilevel.analysis.best_enclosed import enclosed_minimum
from bilevel.analysis.best_exact import Unattained, exact_minimum
from bilevel.analysis.known import Known
from bilevel.analysis.univariate import Unsolved, real_roots
from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.rules.protocol.linear import linearise
from bilevel.rules.protocol.rule import Rule


@dataclass(frozen=True)
class Best:
    """The best `step` (value of the parameter) and the `rate` there; for known "enclosed" both are (low, high) pairs.

    Math: see `best`.

    Shapes: rate per step (spectral radius) or per unit time (spectral abscissa).

    Reference: see `best`.

    Examples:
        >>> Best(sp.Integer(1), sp.S.Zero, "exact").known
        'exact'
    """

    step: Any
    rate: Any
    known: str


@dataclass(frozen=True)
class Crossing:
    """A value of the parameter at which an eigenvalue reaches the boundary, and the kind of crossing.

    Math: fold: a real eigenvalue 1 (map) or 0 (flow); flip: -1; Neimark-Sacker or Hopf: a pair.

    Reference: Kuznetsov (2004), Elements of Applied Bifurcation Theory, chapters 3 and 4.

    Examples:
        >>> Crossing(sp.Integer(4), "flip (eigenvalue -1)").kind
        'flip (eigenvalue -1)'
    """

    value: Any
    kind: str
    exists_on: Any = sp.true


def best(game: Any, rule: Rule, at: Mapping[Any, Any], *, over: Any) -> Best:
    """The value of one parameter that makes the local rate as small as possible.

    Math: argmin over the parameter's domain of rho(J) (discrete) or of max Re lambda(J) (continuous).

    Raises: UnknownAnswer where no minimum is proved in the time allowed.

    Reference: Mokhtari et al. (2020), arXiv:1901.08511; Azizian et al. (2020), arXiv:2001.00602, for the example.

    Examples:
        >>> from bilevel.game import Game, maximize, minimize
        >>> from bilevel.rules import extragradient
        >>> x, y = sp.symbols("x y", real=True)
        >>> h, s = sp.symbols("h sigma", positive=True)
        >>> best(Game(a=minimize(s*x*y, x), b=maximize(s*x*y, y)), extragradient(h), {x: 0, y: 0}, over=h)
        Best(step=sqrt(2)/(2*sigma), rate=sqrt(3)/2, known='exact')
    """
    linear = linearise(game, rule, at)
    matrix = sp.ImmutableMatrix(linear.matrix)
    if over not in matrix.free_symbols:
        raise GameError(f"the Jacobian does not depend on {over}")
    known = Known(game.assuming)
    if matrix.free_symbols == {over}:
        found = _exact(matrix, over, linear.time, known)
        return found or _enclosed(matrix, over, linear.time, known)
    if linear.time == "discrete":
        for road in (_complex_pair, _real_values):
            found = road(matrix, over, known)
            if found is not None:
                return found
    found = _exact(matrix, over, linear.time, known)
    if found is None:
        others = ", ".join(sorted(map(str, matrix.free_symbols - {over})))
        raise UnknownAnswer(f"the best {over} was not found with {others} free", next_step="fix the other parameters")
    return found


def _complex_pair(matrix: Any, over: Any, known: Known) -> Best | None:
    """Every factor of the characteristic polynomial is the same complex pair throughout: rho^2 is its product."""
    factors = _factors(matrix)
    if factors is None or len(factors) != 1 or len(factors[0]) != 3:
        return None
    _, linear, product = factors[0]
    if known.sign(sp.expand(linear**2 - 4 * product)) not in ("-", "<=0"):
        return None
    point = _one_minimum(product, over, known)
    return None if point is None else Best(point, _root(sp.cancel(product.subs(over, point))), "exact")


def _factors(matrix: Any) -> list[list[Any]] | None:
    z = sp.Dummy("z")
    polynomial = sp.Poly([sp.cancel(c) for c in sp.Matrix(matrix).charpoly().all_coeffs()], z)
    try:
        found = sp.factor_list(sp.cancel(polynomial.as_expr()), z)[1]
    except (sp.PolynomialError, NotImplementedError):
        return None
    return [[sp.cancel(c) for c in sp.Poly(f, z).monic().all_coeffs()] for f, _ in found if sp.Poly(f, z).degree() > 0]


def _one_minimum(function: Any, over: Any, known: Known) -> Any:
    """The only stationary point in the domain, if it is a minimum: then it is the global one."""
    slope = sp.numer(sp.together(sp.diff(function, over)))
    bottom = sp.denom(sp.together(function))
    if bottom.has(over) and not known.nonzero(bottom):
        return None
    candidates = []
    for factor, _ in sp.factor_list(slope, over)[1]:
        polynomial = sp.Poly(factor, over)
        if known.nonzero(factor):
            continue
        try:
            candidates += [(root, conditions) for root, conditions in real_roots(polynomial, known)]
        except Unsolved:
            return None
    inside = []
    for root, conditions in candidates:
        domain = [(root, ">")] if over.is_positive else [(root, ">=")] if over.is_nonnegative else []
        answers = [known.decide(c) for c in (*conditions, *domain)]
        if None in answers:
            return None
        if all(answers):
            inside.append(root)
    if len(inside) != 1:
        return None
    curvature = sp.diff(function, over, 2).subs(over, inside[0])
    return sp.radsimp(inside[0]) if known.sign(sp.cancel(curvature)) == "+" else None


def _root(square: Any) -> Any:
    return sp.sqrt(sp.factor(square))


def _real_values(matrix: Any, over: Any, known: Known) -> Best | None:
    """All eigenvalues are affine in the parameter: the best is where two of them balance, or where one vanishes."""
    factors = _factors(matrix)
    if factors is None or any(len(f) != 2 for f in factors):
        return None
    values = [-f[1] for f in factors]
    if any(sp.expand(sp.diff(v, over, 2)) != 0 or known.zero(sp.diff(v, over)) for v in values):
        return None
    if len(values) == 1:
        candidates = [sp.solve(values[0], over)[0]]
    else:
        gaps = [u + v for k, u in enumerate(values) for v in values[:k]] + [
            u - v for k, u in enumerate(values) for v in values[:k]
        ]
        candidates = [s for gap in gaps if gap.has(over) for s in sp.solve(gap, over)]
        candidates += [s for v in values for s in sp.solve(v, over)]
    scored = []
    for c in dict.fromkeys(sp.factor(c) for c in candidates):
        if known.zero(c) or (over.is_positive and known.sign(c) == "-"):
            continue
        top = _largest([sp.cancel(v.subs(over, c)) ** 2 for v in values], known)
        if top is None or (over.is_positive and known.sign(c) != "+"):
            return None
        scored.append((c, top))
    lowest = _largest([-score for _, score in scored], known) if scored else None
    if lowest is None:
        return None
    step = next(c for c, score in scored if known.zero(score + lowest))
    rate = sp.sqrt(sp.factor(-lowest))
    return Best(step, sp.refine(rate) if rate.is_number else rate, "exact")


def _largest(values: list[Any], known: Known) -> Any:
    """The largest of some expressions where all comparisons are decided."""
    top = values[0]
    for value in values[1:]:
        sign = known.sign(sp.factor(value - top))
        if sign in ("+", ">=0"):
            top = value
        elif sign not in ("-", "0", "<=0"):
            return None
    return top


def _exact(matrix: Any, over: Any, time: str, known: Known) -> Best | None:
    """The algebraic minimum where nothing else is free, or after scalings that remove what is."""
    if matrix.free_symbols - {over}:
        return _scaled(matrix, over, time, known)
    try:
        found = exact_minimum(matrix, over, time, known.facts)
    except Unattained:
        raise
    except (UnknownAnswer, ArithmeticError, ValueError):
        return None
    if found is None:
        return None
    step, level = found
    return Best(step, sp.sqrtdenest(sp.sqrt(level)) if time == "discrete" else level, "exact")


def _scaled(matrix: Any, over: Any, time: str, known: Known) -> Best | None:
    """A positive parameter set to one where the eigenvalues allow it: they scale when all parameters do.

    Math: eig(t^a h, t^b sigma, t^c s) = t^d eig(h, sigma, s) for all t > 0 (d = 0 for a map). With t = sigma^(-1/b)
        the best h is sigma^(a/b) times that for sigma = 1 and s sigma^(-c/b), its rate sigma^(d/b) times that one's.
    """
    if known.facts:
        return None
    z = sp.Dummy("z")
    others = sorted(matrix.free_symbols - {over}, key=str)
    polynomial = sp.Poly(sp.Matrix(matrix).charpoly().all_coeffs(), z).as_expr()
    try:
        monomials = sp.Poly(sp.numer(sp.together(polynomial)), z, over, *others).monoms()
    except sp.PolynomialError:
        return None
    rows = [[a - b for a, b in zip(m, monomials[0], strict=True)] for m in monomials]
    rows += [[1] + [0] * (len(others) + 1)] if time == "discrete" else []
    for weights in sp.Matrix(rows).nullspace():
        for symbol, weight in zip(others, weights[2:], strict=True):
            if weight == 0 or not symbol.is_positive:
                continue
            inner = _exact(sp.ImmutableMatrix(matrix.subs(symbol, 1)), over, time, known)
            if inner is not None:
                pairs = zip(others, weights[2:], strict=True)
                back = {s: s * symbol ** (-w / weight) for s, w in pairs if s != symbol}
                step = inner.step.subs(back, simultaneous=True) * symbol ** (weights[1] / weight)
                rate = inner.rate.subs(back, simultaneous=True) * symbol ** (weights[0] / weight)
                return Best(step, rate, "exact")
    return None


def _enclosed(matrix: Any, over: Any, time: str, known: Known) -> Best:
    """Bounds on the best rate and on where it is taken."""
    step, rate = enclosed_minimum(matrix, over, time=time, facts=known.facts)
    return Best(step, rate, "enclosed")


def crossings(verdict: Any, over: Any) -> tuple[Crossing, ...]:
    """Where a parameter crosses the boundary of the stable set, and what kind of crossing it is.

    Math: the zeros in `over` of the conditions that become equalities on the boundary (eigenvalue 1 or 0: fold; -1:
        flip; a pair: Neimark-Sacker or Hopf), each kept where the verdict there is marginal.

    Reference: Kuznetsov (2004), Elements of Applied Bifurcation Theory, chapters 3 and 4.

    Examples:
        >>> from bilevel.analysis.analyse import analyse
        >>> h = sp.Symbol("h", positive=True)
        >>> crossings(analyse(sp.Matrix([[1 - h]]), time="discrete"), h)
        (Crossing(value=2, kind='flip (eigenvalue -1)', exists_on=True),)
    """
    known = Known(verdict.assuming)
    found = []
    for boundary, kind in verdict.boundaries:
        if not isinstance(boundary, sp.Eq):
            continue
        polynomial = sp.Poly(sp.numer(sp.together(boundary.lhs - boundary.rhs)), over)
        for factor, _ in polynomial.factor_list()[1]:
            try:
                roots = list(real_roots(factor, known))
            except Unsolved:
                continue
            for root, conditions in roots:
                domain = [(root, ">")] if over.is_positive else []
                exists = known.boolean([*conditions, *domain])
                there = analyse(verdict.jacobian.subs(over, root), time=verdict.time, assuming=verdict.assuming)
                if exists != sp.false and there.marginal_on not in (None, sp.false):
                    found.append(Crossing(root, kind, sp.And(exists, there.marginal_on)))
    return tuple(found)
