"""Which kinds of equilibrium a learning rule can converge to: over the points of a game, and over a family of games.

Main definitions: `attraction`, `Attraction`, `attracts_only`, `attracts_every`, `Finding`,
`generic_quadratic`.

A rule converges to a point from everywhere near it where its linear part is strictly stable. So "it can converge to
a point of this kind" says that some parameters satisfy the condition of stability and the second-order conditions of
the kind: shown by such parameters (each sign checked exactly), or refuted by a proof that there are none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import sympy as sp

from bilevel.analysis.analyse import analyse
from bilevel.analysis.any_size_concrete import linearise_quadratic
from bilevel.analysis.beyond import stability_near
from bilevel.analysis.enclosure import truth_at
from bilevel.analysis.equilibrium import Equilibrium
from bilevel.analysis.fixed_points import equilibria
from bilevel.analysis.kinds import SPURIOUS
from bilevel.analysis.kinds_where import kind_conditions
from bilevel.analysis.known import under
from bilevel.analysis.limits import for_small
from bilevel.analysis.satisfying import satisfied
from bilevel.analysis.verdict import Verdict, unknown
from bilevel.game import Game, maximize, minimize
from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.rules.protocol.linear import linearise
from bilevel.rules.protocol.rule import Rule


@dataclass(frozen=True)
class Finding:
    """Whether a statement about all parameters holds: True with what proves it, False with a `witness`, None unknown.

    Math: `witness` gives parameters at which the statement fails; every sign there was decided exactly.

    Reference: see `attracts_only`.

    Examples:
        >>> bool(Finding(True, "z3"))
        True
    """

    holds: bool | None
    by: str
    witness: Mapping[Any, Any] | None = None

    def __bool__(self) -> bool:
        return self.holds is True


@dataclass(frozen=True)
class Attraction:
    """What one rule can converge to in one game: `places` are (fixed point, verdict, where it is of which kind).

    Math: the parameters where the rule converges to a point of a kind are the union over the points of {exists} and
        {strictly stable} and {of that kind}.

    Reference: Jin, Netrapalli, Jordan (2020), arXiv:1902.00618; Mazumdar, Ratliff, Sastry (2020), arXiv:1804.05464.

    Examples:
        >>> Attraction("flow", (), True).kinds
        ()
    """

    rule: str
    places: tuple[tuple[Equilibrium, Verdict, Mapping[str, Any]], ...]
    complete: bool
    assuming: tuple[Any, ...] = ()

    @property
    def kinds(self) -> tuple[str, ...]:
        """Every kind that some fixed point of the rule has, somewhere in the parameters."""
        return tuple(dict.fromkeys(kind for *_, where in self.places for kind, on in where.items() if on != sp.false))

    def where(self, kind: str) -> Any:
        """The parameters where the rule converges to a point of this kind, a Boolean; None where a verdict is open."""
        return self._union(lambda on: on.get(kind, sp.false))

    def elsewhere(self, kind: str) -> Any:
        """The parameters where the rule converges to a point that is not of this kind."""
        return self._union(lambda on: sp.Not(on.get(kind, sp.false)))

    def _union(self, chosen: Any) -> Any:
        parts = []
        for point, verdict, kinds in self.places:
            on = chosen(kinds)
            if on != sp.false and verdict.condition is None:
                return None
            if on != sp.false:
                parts.append(sp.And(point.exists_on, verdict.condition, on))
        return sp.Or(*parts)

    def can(self, kind: str) -> Finding:
        """Whether the rule converges to a point of this kind for some parameters (then they are the witness)."""
        return _possible(self.where(kind), self.assuming)

    def __str__(self) -> str:
        words = {True: "can converge to", False: "cannot converge to", None: "it is open whether it converges to"}
        return "\n".join(f"{self.rule} {words[self.can(kind).holds]}: {kind}" for kind in self.kinds)


def attraction(game: Any, rules: Any, *, at: Mapping[Any, Any] | None = None) -> tuple[Attraction, ...]:
    """For each rule which of its fixed points attract, where in the parameters, and of which kinds they are.

    Math: see `Attraction`; fixed points that a rule adds are "spurious (not a zero of the field)".

    Shapes: one stability analysis for each fixed point of each rule.

    Raises: GameError as `equilibria` does.

    Reference: Daskalakis and Panageas (2018), arXiv:1807.03907, for the game of the example.

    Examples:
        >>> from bilevel.models import stable_not_minimax
        >>> from bilevel.rules import flow
        >>> print(attraction(stable_not_minimax(), flow())[0])
        flow can converge to: local minimax (strict)
    """
    listed: Iterable[Rule] = (rules,) if isinstance(rules, Rule) else rules
    found = []
    for rule in listed:
        points = equilibria(game, rule, at=at)
        found.append(attraction_at(game, rule, points.points, complete=points.complete))
    return tuple(found)


def attraction_at(game: Any, rule: Rule, points: Iterable[Any], *, complete: bool) -> Attraction:
    """What a rule can converge to among fixed points that are known already."""
    there = [(point, under(game, point.exists_on)) for point in points]
    places = tuple((point, _linear_verdict(g, rule, point.point), _kinds_of(g, point)) for point, g in there)
    return Attraction(rule.name, places, complete, tuple(game.assuming))


def _linear_verdict(game: Any, rule: Rule, point: Mapping[Any, Any]) -> Verdict:
    """The verdict by linearisation alone: whether the point attracts exponentially."""
    if any(value.has(sp.Float) for value in point.values()):
        return stability_near(game, rule, point)
    try:
        linear = linearise_quadratic(game, rule, point) or linearise(game, rule, point)
    except UnknownAnswer as stop:
        return unknown(str(stop), sp.zeros(0), rule.time)
    return analyse(linear.matrix, time=linear.time, assuming=game.assuming)


def _kinds_of(game: Any, point: Equilibrium) -> Mapping[str, Any]:
    if not isinstance(game, Game):
        return {}
    if SPURIOUS in point.kinds:
        return {SPURIOUS: sp.true}
    if point.known != "exact":
        return dict.fromkeys(point.kinds, sp.true)
    return kind_conditions(game, point.point)


def attracts_only(game: Any, rule: Rule, kind: str, at: Mapping[Any, Any]) -> Finding:
    """Whether, in a family of games, the rule attracts to the point only where the point is of this kind.

    Math: {strictly stable} is a subset of {of this kind}, over every parameter of game and rule.

    Raises: GameError for a kind that has no strict second-order condition in this game; UnknownAnswer where the
        stability of the point is open.

    Reference: Wang, Zhang, Ba (2020), arXiv:1910.07512 (follow-the-ridge attracts only to local minimax points).

    Examples:
        >>> from bilevel.rules import flow, follow_the_ridge
        >>> h = sp.Symbol("h", positive=True)
        >>> game, point = generic_quadratic()
        >>> bool(attracts_only(game, follow_the_ridge(h), "local minimax (strict)", point))
        True
        >>> attracts_only(game, flow(), "local minimax (strict)", point).holds
        False
    """
    verdict, on = _of_kind(game, rule, kind, at)
    missed = sp.And(verdict.exists_on, verdict.condition, sp.Not(on))
    return _negated(_possible(missed, game.assuming))


def attracts_every(game: Any, rule: Rule, kind: str, at: Mapping[Any, Any], *, small: Any = None) -> Finding:
    """Whether, in a family of games, the rule attracts to the point wherever the point is of this kind.

    Math: {of this kind} is a subset of {strictly stable}; with `small` a parameter, of {strictly stable for every
        small enough positive value of it}.

    Raises: as `attracts_only`.

    Reference: Jin, Netrapalli, Jordan (2020), arXiv:1902.00618.

    Examples:
        >>> from bilevel.rules import simultaneous
        >>> h = sp.Symbol("h", positive=True)
        >>> game, point = generic_quadratic()
        >>> attracts_every(game, simultaneous(h), "Nash (strict)", point, small=h).holds
        True
        >>> attracts_every(game, simultaneous(h), "local minimax (strict)", point, small=h).holds
        False
    """
    verdict, on = _of_kind(game, rule, kind, at)
    inside = verdict.condition
    if small is not None:
        inside = for_small(inside, small, game.assuming)
        if verdict.exists_on != sp.true:
            inside = sp.And(inside, for_small(verdict.exists_on, small, game.assuming))
    return _negated(_possible(sp.And(on, sp.Not(inside)), game.assuming))


def _of_kind(game: Any, rule: Rule, kind: str, at: Mapping[Any, Any]) -> tuple[Verdict, Any]:
    conditions = kind_conditions(game, at)
    if kind not in conditions:
        raise GameError(f"no kind {kind!r} in this game; the kinds are {', '.join(conditions)}")
    verdict = _linear_verdict(game, rule, at)
    if verdict.condition is None:
        raise UnknownAnswer(f"the stability of the point is open: {verdict.reason}", next_step="fix some parameters")
    return verdict, conditions[kind]


def _possible(boolean: Any, facts: Iterable[Any]) -> Finding:
    """Whether some parameters satisfy the Boolean, under the facts."""
    if boolean is None:
        return Finding(None, "the stability of a point is open")
    holds, by, witness = satisfied(boolean, tuple(facts))
    if witness is not None and not all(truth_at(b, witness) for b in (boolean, *facts)):
        return Finding(None, "the witness failed its check")
    return Finding(holds, by, witness)


def _negated(found: Finding) -> Finding:
    return Finding(None if found.holds is None else not found.holds, found.by, found.witness)


def generic_quadratic(*, zero_sum: bool = True, dimensions: tuple[int, int] = (1, 1)) -> tuple[Game, dict[Any, Any]]:
    """The quadratic game of two players with every coefficient a real symbol, and its equilibrium at zero.

    Math: zero-sum: min over x, max over y of x^T A x/2 + x^T B y + y^T C y/2; else costs x^T A x/2 + x^T B y +
        y^T P y/2 and y^T C y/2 + y^T D x + x^T Q x/2. A, C, P, Q are symmetric.

    Shapes: x has dimensions[0] entries, y has dimensions[1].

    Raises: GameError for a dimension below one.

    Reference: Jin, Netrapalli, Jordan (2020), arXiv:1902.00618, section 3.

    Examples:
        >>> generic_quadratic()[0].jacobian()
        Matrix([
        [ a_11,  b_11],
        [-b_11, -c_11]])
    """
    if min(dimensions) < 1:
        raise GameError(f"each player moves at least one variable; got {dimensions}")
    xs, ys = (sp.symbols(f"{name}1:{n + 1}", real=True) for name, n in zip("xy", dimensions, strict=True))
    cost = _form("a", xs, xs) / 2 + _form("b", xs, ys)
    if zero_sum:
        value = sp.expand(cost + _form("c", ys, ys) / 2)
        players = {"first": minimize(value, xs), "second": maximize(value, ys)}
    else:
        other = _form("c", ys, ys) / 2 + _form("d", ys, xs) + _form("q", xs, xs) / 2
        players = {
            "first": minimize(sp.expand(cost + _form("p", ys, ys) / 2), xs),
            "second": minimize(sp.expand(other), ys),
        }
    return Game(players, title="Generic quadratic game"), dict.fromkeys((*xs, *ys), sp.S.Zero)


def _form(name: str, rows: Any, columns: Any) -> Any:
    """x^T M y with M all symbols, symmetric where both sides are the same."""
    terms = []
    for (i, u), (j, v) in product(enumerate(rows, 1), enumerate(columns, 1)):
        first, second = sorted((i, j)) if rows is columns else (i, j)
        terms.append(sp.Symbol(f"{name}_{first}{second}", real=True) * u * v)
    return sp.Add(*terms)
