"""Bregman divergences as critic losses: the best critic is the conditional mean, for every convex function.

Main definitions: `bregman`, `BregmanCritic`, `bregman_critic`, `reversed_bregman_counterexample`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy as sp

from bilevel.language.algebra import is_scalar
from bilevel.language.calculus import is_model_level
from bilevel.language.errors import GameError
from bilevel.language.function_space import densities, pointwise_best_response
from bilevel.language.gradient import gradient
from bilevel.language.scalars import scalar
from bilevel.language.substitute import substitute

__all__ = ["BregmanCritic", "ReversedBregman", "bregman", "bregman_critic", "reversed_bregman_counterexample"]

Expr = Any


def bregman(phi: Callable[[Expr], Expr], target: Expr, critic: Expr) -> Expr:
    """The Bregman divergence with the target first and the critic second, for a concrete or an undefined function.

    Math: ``B(r || u) = phi(r) - phi(u) - phi'(u) (r - u)``, affine in r but for phi(r). Terms ``0 log 0`` are read as
        0. A network may stand for any phi, and model-level scalars for r and u.

    Raises: GameError if an argument is no exact scalar.

    Reference: Banerjee, Guo, Wang 2005, doi:10.1109/TIT.2005.850145.

    Examples:
        >>> r, u = sp.symbols("r u")
        >>> sp.factor(bregman(lambda x: x**2, r, u))
        (r - u)**2
        >>> sp.expand(bregman(lambda x: x*sp.log(x) + (1 - x)*sp.log(1 - x), 1, u))
        -log(u)
    """
    target, critic = scalar(target), scalar(critic)
    if not (is_scalar(target) and is_scalar(critic)):
        raise GameError("a Bregman divergence here compares scalars; for vectors add up its components")
    x = sp.Dummy("x", real=True)
    at_target = scalar(phi(target))
    if at_target.has(sp.nan, sp.zoo):
        # A convex function finite on a closed interval has one-sided limits at its ends.
        at_target = sp.limit(phi(x), x, target, "+" if target == 0 else "-")
    return at_target - phi(critic) - _slope(phi, critic) * (target - critic)


def _slope(phi: Callable[[Expr], Expr], critic: Expr) -> Expr:
    """phi' at the critic's value."""
    if critic.is_Symbol:
        return gradient(scalar(phi(critic)), critic)
    x = sp.Dummy("x", real=True)
    slope = gradient(scalar(phi(x)), x)
    # SymPy's own `subs` knows how an undefined function's derivative is put at a point, ours what a network binds
    return substitute(slope, {x: critic}) if is_model_level(slope + critic) else slope.subs(x, critic)


@dataclass(frozen=True)
class BregmanCritic:
    """The best critic under every Bregman divergence, with two independent proofs.

    Math: ``value = (alpha p + beta q)/(p + q)``. First proof: ``loss(u) = entropy_gap + (p + q) B(value || u)``,
    where the gap is free of u and B is positive unless its arguments agree (strict convexity; phi need only be
    differentiable). Second proof, for twice differentiable phi: the derivative is ``phi''(u) ((p + q) u - alpha p -
    beta q)``.

    Reference: Banerjee, Guo, Wang 2005, doi:10.1109/TIT.2005.850145, Proposition 1.

    Examples:
        >>> bregman_critic(*densities("p q")).value
        p/(p + q)
    """

    value: Expr
    loss: Expr
    slope_factor: Expr
    entropy_gap: Expr
    sensitivity: Expr
    known: str = "exact"
    trace: tuple[str, ...] = ()


def bregman_critic(p: Expr, q: Expr, alpha: Expr = 1, beta: Expr = 0) -> BregmanCritic:
    """The best critic for real target alpha and fake target beta, proved for an undefined convex function.

    Math: minimises ``p B(alpha || u) + q B(beta || u)`` in u wherever p + q > 0.

    Raises:
        GameError: an identity of the proof fails (never for densities p, q and targets free of u).

    Reference: Banerjee, Guo, Wang 2005, doi:10.1109/TIT.2005.850145; Pfau, Vinyals 2016, arXiv:1610.01945.

    Examples:
        >>> p, q = densities("p q")
        >>> bregman_critic(p, q).sensitivity
        -p/(p + q)**2
    """
    u, phi = sp.Symbol("u", real=True), sp.Function("phi", real=True)
    alpha, beta = scalar(alpha), scalar(beta)
    best = sp.factor((alpha * p + beta * q) / (p + q))
    loss = p * bregman(phi, alpha, u) + q * bregman(phi, beta, u)
    factor = sp.cancel(sp.diff(loss, u) / sp.diff(phi(u), u, 2))
    gap = sp.cancel(sp.expand(loss - (p + q) * bregman(phi, best, u)))
    if sp.expand(factor - ((p + q) * u - alpha * p - beta * q)) != 0 or gap.has(u):
        raise GameError(
            f"the Bregman proof does not apply to weights {p}, {q} and targets {alpha}, {beta}; they must be "
            f"free of {u}"
        )
    trace = (
        f"loss: {p}*B({alpha} || u) + {q}*B({beta} || u), with B(r || u) = phi(r) - phi(u) - phi'(u)(r - u)",
        f"identity: loss = ({gap}) + ({p} + {q})*B({best} || u); the first part is free of u",
        (
            "phi strictly convex and differentiable inside: B(m || u) > 0 unless u = m, so u = m is the unique "
            "minimum where it lies inside"
        ),
        "where m is an end of the range (only one label has weight): for u < v, "
        "B(0 || v) - B(0 || u) = B(u || v) + u (phi'(v) - phi'(u)) > 0, "
        "so the loss falls all the way to that end (and likewise at 1)",
        (
            f"second proof (phi twice differentiable): derivative in u = phi''(u) * ({sp.collect(factor, u)}), one "
            f"sign change, at {best}"
        ),
    )
    return BregmanCritic(best, loss, factor, gap, sp.factor(sp.diff(best, q)), trace=trace)


@dataclass(frozen=True)
class ReversedBregman:
    """A convex function for which the reversed order has another best critic, at equal densities.

    Math: minimises ``p B(u || 1) + q B(u || 0)``; the stationarity is ``phi'(u) = (p phi'(1) + q phi'(0))/(p + q)``.

    Reference: Banerjee, Guo, Wang 2005, doi:10.1109/TIT.2005.850145.

    Examples:
        >>> reversed_bregman_counterexample().at_equal_densities
        sqrt(2)/2
    """

    phi: Expr
    value: Expr
    at_equal_densities: Expr
    claimed: Expr
    trace: tuple[str, ...] = ()


def reversed_bregman_counterexample() -> ReversedBregman:
    """Refutes that the critic-first order always gives p/(p + q): phi(u) = u^3 on [0, 1].

    Math: the best critic is ``sqrt(p/(p + q))``; at p = q it is ``1/sqrt(2)`` and not 1/2.

    Reference: Banerjee, Guo, Wang 2005, doi:10.1109/TIT.2005.850145.

    Examples:
        >>> reversed_bregman_counterexample().claimed
        1/2
    """
    p, q = densities("p q")
    u = sp.Symbol("u", real=True)
    reply = pointwise_best_response(
        p * bregman(lambda x: x**3, u, sp.S.One) + q * bregman(lambda x: x**3, u, sp.S.Zero),
        u,
        sense="min",
        range=(0, 1),
    )
    at_equal = sp.radsimp(reply.value.subs({p: 1, q: 1}))
    return ReversedBregman(u**3, reply.value, at_equal, sp.Rational(1, 2), reply.trace)
