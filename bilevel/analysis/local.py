"""Local stability of a learning rule at an equilibrium.

Main definitions: `stability`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy as sp

from bilevel.analysis.analyse import analyse
from bilevel.analysis.any_size_concrete import linearise_quadratic
from bilevel.analysis.beyond import beyond_linear, stability_near
from bilevel.analysis.cascades import linear_at
from bilevel.analysis.verdict import Verdict
from bilevel.language.errors import GameError
from bilevel.language.values import expression
from bilevel.rules.protocol.defaults import default_rule
from bilevel.rules.protocol.linear import linearise
from bilevel.rules.protocol.rule import Rule


def stability(game: Any, rule: Rule | None = None, *, at: Mapping[Any, Any] | None = None) -> Verdict:
    """Whether a learning rule converges to an equilibrium, as an exact condition on its parameters.

    Math: the rule is linearised at its own fixed point, exactly; the verdict is on the spectrum of that matrix: modulus
        below 1 (per step) or negative real part (flow). At a kink that does not feel itself (`cascaded`) there is no
        Jacobian, and the matrix that decides stands in its place.

    Shapes: a game of n variables under a rule with k memory parts gives an n(k+1) x n(k+1) matrix; cost grows with the
        cube of that size times the size of the coefficients, and doubly exponentially with the number of parameters to
        be solved for.

    Raises: GameError if the point is not a fixed point of the rule, or if none is given and there is not exactly one.

    Reference: Mescheder, Geiger, Nowozin (2018), arXiv:1801.04406, for the Dirac-GAN below.

    Examples:
        >>> import sympy as sp
        >>> from bilevel import Game, maximize, minimize, rules
        >>> theta, psi = sp.symbols("theta psi", real=True)
        >>> h, gamma = sp.symbols("h gamma", positive=True)
        >>> L = -sp.log(1 + sp.exp(-psi*theta))
        >>> game = Game(generator=minimize(L, theta), discriminator=maximize(L - gamma/2*psi**2, psi))
        >>> verdict = stability(game, rules.alternating(h), at={theta: 0, psi: 0})
        >>> verdict.condition
        2*gamma*h + h**2/4 < 4
    """
    if not hasattr(game, "variables"):
        raise GameError(f"a game, flow or map was expected; got {type(game).__name__}")
    rule = rule or default_rule(game)
    if at is None or len(at) < len(game.variables):
        at = _only_point(game, rule, at)
    if any(expression(value).has(sp.Float) for value in at.values()):
        return stability_near(game, rule, at)
    try:
        linear = linearise_quadratic(game, rule, at) or linearise(game, rule, at)
    except GameError:
        linear = linear_at(game, rule, at)
        return analyse(linear.matrix, time=linear.time, assuming=_facts_at(game, at))
    verdict = analyse(linear.matrix, time=linear.time, assuming=_facts_at(game, at))
    return beyond_linear(game, rule, at, verdict)


def _facts_at(game: Any, at: Mapping[Any, Any]) -> tuple[Any, ...]:
    """The assumptions as they read at the point: some may be about the variables."""
    values = {v: expression(value) for v, value in ((v, at.get(v, at.get(str(v), v))) for v in game.variables)}
    facts = tuple(fact.subs(values, simultaneous=True) for fact in game.assuming)
    broken = [fact for fact, here in zip(game.assuming, facts, strict=True) if here == sp.false]
    if broken:
        raise GameError(f"the point lies outside the assumption {broken[0]}; choose one inside it")
    return facts


def _only_point(game: Any, rule: Rule, at: Mapping[Any, Any] | None) -> Mapping[Any, Any]:
    from bilevel.analysis.fixed_points import equilibria

    found = equilibria(game, rule, at=at)
    if len(found.points) != 1:
        listed = "; ".join(map(str, found.points)) or "none found"
        raise GameError(f"say which equilibrium is meant with at={{...}}: {listed}")
    return found.points[0].point
