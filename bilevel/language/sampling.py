"""Derivatives of expectations: pathwise where the variable enters the sample, score function where it enters the law.

Main definitions: `differentiated`, `rewritten`.

A law that depends on the variable is either kept, and its score joins the integrand, or rewritten as something whose
law is free of the variable: noise and a map (normal, uniform, pushforward), or a weighted sum (finite laws).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp
from sympy import Expr, S

from bilevel.language.algebra import is_scalar, plus, product, terms, transpose
from bilevel.language.errors import GameError
from bilevel.language.expectation import Conditional, ConditionalMatrix, Expectation, ExpectationMatrix
from bilevel.language.laws import Law, Normal, Pushforward, Uniform, log_density
from bilevel.language.nodes import scale
from bilevel.language.substitute import depends, free_variables, law_depends, renamed, substitute

Derivative = Callable[[Any, Any, str], Expr]


def differentiated(value: Any, v: Any, how: str, derivative: Derivative) -> Expr:
    """Derivative of an expectation, plain or conditional, in v."""
    if isinstance(value, (Conditional, ConditionalMatrix)):
        return _of_conditional(value, v, how, derivative)
    changed = rewritten(value, v, how)
    if changed is not value:
        return derivative(changed, v, how)
    body = value.body
    slope = derivative(body, v, how)
    scores = [
        derivative(log_density(drawn.law, drawn), v, how) for drawn in value.variables if law_depends(drawn.law, v)
    ]
    if scores:
        slope = _with_scores(body, slope, scores, is_scalar(v))
    content = _content(slope)
    return scale(content, average(slope if content == 1 else _divided(slope, content), value.variables))


def average(body: Expr, variables: tuple[Any, ...]) -> Expr:
    """Expectation of a scalar or a matrix over the variables, which may be none."""
    if not variables:
        return body
    return (Expectation if is_scalar(body) else ExpectationMatrix)(body, *variables)


def _coefficients(body: Expr) -> list[Any]:
    """The rational coefficient of each summand."""
    if is_scalar(body):
        return [summand.as_coeff_Mul(rational=True)[0] for summand in sp.Add.make_args(body)]
    return [coefficient.as_coeff_Mul(rational=True)[0] for coefficient, _ in terms(body)]


def _content(body: Expr) -> Expr:
    """The number that comes out in front of an expectation: common to all summands, negative if all are."""
    found = _coefficients(body)
    size = abs(found[0]) if found and all(abs(c) == abs(found[0]) for c in found) else S.One
    return -size if found and all(c.is_negative for c in found) else size


def _divided(body: Expr, content: Expr) -> Expr:
    if is_scalar(body):
        return sp.Add(*(summand / content for summand in sp.Add.make_args(body)))
    return plus(*(product(coefficient / content, *word) for coefficient, word in terms(body)))


def rewritten(value: Any, v: Any, how: str) -> Any:
    """The expectation with the first law that must not keep its dependence on v rewritten; itself if there is none."""
    for place, drawn in enumerate(value.variables):
        law = drawn.law
        if not law_depends(law, v):
            continue
        if law.atoms_of is not None:
            if how == "pathwise":
                raise GameError(f"{drawn.name} has a finite law that depends on {v}: no path moves it; use how='auto'")
            return _summed(value, place)
        if isinstance(law, Pushforward):
            if how == "score":
                raise GameError(
                    f"the law of {drawn.name} is a pushforward without a density: no score function; use how='pathwise'"
                )
            return _moved(value, place, *_unfolded(value, law))
        if how == "pathwise" or (how == "auto" and isinstance(law, Uniform)):
            return _moved(value, place, *_noise(value, drawn, v))
        if isinstance(law, Uniform):
            raise GameError(
                f"the support of {drawn.name} moves with {v}, so the score function is biased; use how='pathwise'"
            )
    return value


def _with_scores(body: Expr, slope: Expr, scores: list[Expr], number: bool) -> Expr:
    """slope + body * (sum of scores), an outer product for a column body and a vector variable."""
    if number:
        weighted = scale(sp.Add(*scores), body)
        return slope + weighted if is_scalar(body) else plus(slope, weighted)
    score = plus(*scores)
    return plus(slope, scale(body, score) if is_scalar(body) else product(body, transpose(score)))


def _names(value: Any) -> set[str]:
    """Names that a fresh variable must avoid: those bound here and those standing anywhere inside."""
    inside = {v.name for v in free_variables(value.body) if hasattr(v, "name")}
    laws = {v.name for drawn in value.variables for v in free_variables(drawn.law) if hasattr(v, "name")}
    return inside | laws | {drawn.name for drawn in value.variables}


def _unfolded(value: Any, law: Pushforward) -> tuple[tuple[Any, ...], Expr]:
    """The variables a pushforward is made from, under fresh names, and the value drawn."""
    taken, fresh = _names(value), []
    changes: dict[Any, Any] = {}
    for drawn in law.variables:
        new = renamed(drawn, taken, substitute(drawn.law, changes))
        taken |= {new.name}
        changes[drawn] = new
        fresh.append(new)
    return tuple(fresh), substitute(law.value, changes)


def _noise(value: Any, drawn: Any, v: Any) -> tuple[tuple[Any, ...], Expr]:
    """A random variable as a map of noise whose law is free of parameters."""
    law: Law = drawn.law
    if isinstance(law, Normal):
        mean, variance = law.args
        noise = renamed(drawn, _names(value), Normal(S.Zero if law.dim is None else sp.ZeroMatrix(*mean.shape), S.One))
        spread = scale(sp.sqrt(variance), noise)
        return (noise,), mean + spread if law.dim is None else plus(mean, spread)
    if isinstance(law, Uniform):
        lower, upper = law.args
        noise = renamed(drawn, _names(value), Uniform(S.Zero, S.One))
        return (noise,), lower + (upper - lower) * noise
    raise GameError(
        f"the density of {drawn.name} depends on {v} and no map from noise is known for it; "
        f"use how='score', or declare the law as pushforward(...)"
    )


def _moved(value: Any, place: int, fresh: tuple[Any, ...], drawn: Expr) -> Expr:
    """The expectation with one variable replaced by an expression of fresh ones."""
    before, old, after = value.variables[:place], value.variables[place], value.variables[place + 1 :]
    inner = substitute(average(value.body, after), {old: drawn})
    if after and isinstance(inner, (Expectation, ExpectationMatrix)):
        return average(inner.body, before + fresh + inner.variables)
    return average(inner, before + fresh)


def _summed(value: Any, place: int) -> Expr:
    """The expectation with one variable of finite law summed over."""
    before, old, after = value.variables[:place], value.variables[place], value.variables[place + 1 :]
    inner = average(value.body, after)
    parts = [scale(weight, substitute(inner, {old: point})) for point, weight in old.law.atoms_of]
    return average(sp.Add(*parts) if is_scalar(inner) else plus(*parts), before)


def _of_conditional(value: Any, v: Any, how: str, derivative: Derivative) -> Expr:
    """Only the averaged expression may depend on v: the conditional law is not known well enough to move it."""
    if depends(value.event, v) or depends(value.at, v) or any(law_depends(drawn.law, v) for drawn in value.variables):
        raise GameError(
            f"{v} enters the condition of {value}; the conditional law's derivative is not known: "
            "stop the gradient there, or use the sample-by-sample loss"
        )
    slope = derivative(value.body, v, how)
    return (Conditional if is_scalar(slope) else ConditionalMatrix)(slope, *value.args[1:])
