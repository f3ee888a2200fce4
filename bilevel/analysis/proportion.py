"""When two gradients are proportional: by a constant, by a function of the parameters, or sample by sample.

Main definitions: `constant_factors`, `function_factor`, `sample_factors`, `is_positive`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sympy as sp
from sympy.matrices.expressions.matexpr import MatrixExpr

from bilevel.language import calculus
from bilevel.language.algebra import terms
from bilevel.language.expectation import Expectation, ExpectationMatrix
from bilevel.language.normal_form import normal_form

Sample = tuple[tuple[Any, ...], Any, Any]


def samples(value: Any) -> list[Sample]:
    """A gradient in normal form as integrands: (variables averaged over, scalar coefficient, word)."""
    found: list[Sample] = []
    summands = terms(value) if isinstance(value, MatrixExpr) else [(1, (s,)) for s in sp.Add.make_args(value)]
    for outer, word in summands:
        whole = word[0] if len(word) == 1 else None
        if isinstance(whole, Expectation | ExpectationMatrix):
            body = whole.args[0]
            for coefficient, inner in _parts(body):
                found.append((tuple(whole.args[1:]), outer * coefficient, inner))
        else:
            for coefficient, inner in _parts(sp.MatMul(*word) if isinstance(value, MatrixExpr) else word[0]):
                found.append(((), outer * coefficient, inner))
    return found


def _parts(body: Any) -> list[tuple[Any, Any]]:
    if isinstance(body, MatrixExpr):
        return [(c, tuple(word)) for c, word in terms(body)]
    return [(summand, ()) for summand in sp.Add.make_args(body)]


def _renamed(sample: Sample) -> Sample:
    """Bound variables named by their place and law, so that two integrands over the same laws compare."""
    variables, coefficient, word = sample
    from bilevel.language.laws import random

    ordered = sorted(variables, key=lambda x: str(x.law))
    names = {x: random(f"u_{i}", x.law) for i, x in enumerate(ordered)}
    put = lambda e: calculus.replace(e, names) if isinstance(e, sp.Basic) else e
    return tuple(names[x] for x in ordered), put(coefficient), tuple(put(f) for f in word)


def _ratios(a: Any, b: Any) -> Iterable[tuple[tuple[Any, ...], Any, Any]]:
    """(variables, word, coefficient of a / coefficient of b) for every pair of integrands with the same word."""
    right = [_renamed(s) for s in samples(normal_form(b).expression)]
    for variables, coefficient, word in map(_renamed, samples(normal_form(a).expression)):
        for others, divisor, same in right:
            if others == variables and same == word:
                yield variables, word, sp.cancel(sp.together(coefficient / divisor))


def is_zero(value: Any) -> bool:
    """Whether a gradient vanishes identically, by its normal form."""
    return normal_form(value).is_zero


def constant_factors(a: Any, b: Any) -> list[Any]:
    """Candidates k with a = k b, k free of variables and samples; to be proved, not believed."""
    if is_zero(a) and is_zero(b):
        return [sp.S.One]
    found: list[Any] = []
    for variables, _, ratio in _ratios(a, b):
        if ratio not in found and not set(variables) & ratio.free_symbols and not _holds_networks(ratio):
            found.append(ratio)
    return found


def _holds_networks(value: Any) -> bool:
    return calculus.is_model_level(value)


def function_factor(a: Any, b: Any) -> Any | None:
    """k with a = k b for scalars, k a function of variables and parameters; None if b vanishes identically."""
    if calculus.is_model_level(a) or calculus.is_model_level(b) or is_zero(b):
        return None
    return sp.cancel(sp.together(a / b))


def sample_factors(a: Any, b: Any) -> list[tuple[tuple[Any, ...], Any]] | None:
    """For each group of integrands over one law the positive factor between them; None where there is none.

    Math: a = sum_g E_g[k_g s_g], b = sum_g E_g[s_g], with s_g the whole integrand over the law of group g.
    """
    left, right = _grouped(a), _grouped(b)
    if left.keys() != right.keys():
        return None
    factors = []
    for variables, parts in left.items():
        ratios = {w: sp.factor(sp.together(c / right[variables][w])) for w, c in parts.items() if w in right[variables]}
        if parts.keys() != right[variables].keys() or not ratios:
            return None
        first, *rest = ratios.values()
        if any(sp.cancel(sp.together(first - other)) != 0 for other in rest) or not is_positive(first):
            return None
        factors.append((variables, first))
    return factors


def _grouped(value: Any) -> dict[tuple[Any, ...], dict[Any, Any]]:
    groups: dict[tuple[Any, ...], dict[Any, Any]] = {}
    for variables, coefficient, word in map(_renamed, samples(normal_form(value).expression)):
        parts = groups.setdefault(variables, {})
        parts[word] = parts.get(word, sp.S.Zero) + coefficient
    return groups


def is_positive(value: Any) -> bool:
    """Whether an expression is provably positive: each factor positive, a probability p having p > 0 and 1 - p > 0."""
    if value.is_positive:
        return True
    top, bottom = map(sp.factor, sp.fraction(sp.factor(sp.together(value))))  # fraction() multiplies contents out
    signs = [_sign(factor) for factor in (*sp.Mul.make_args(top), *sp.Mul.make_args(bottom))]
    return None not in signs and sp.prod(signs) > 0


def _sign(factor: Any) -> int | None:
    if isinstance(factor, sp.Pow) and factor.exp.is_integer:
        if factor.exp.is_even and factor.base.is_nonzero:
            return 1
        inner = _sign(factor.base)
        return None if inner is None else (inner if factor.exp.is_odd else 1)
    if factor.is_positive:
        return 1
    if factor.is_negative:
        return -1
    for sense in (1, -1):
        if _is_probability(sp.expand(1 - sense * factor)):
            return sense
    return None


def _is_probability(value: Any) -> bool:
    network = getattr(value, "network", None)
    return getattr(network, "range", None) == "probability" or type(value).__name__ == "sigmoid"
