"""Fixed points of games and of learning rules, exactly, with the kind of equilibrium each one is.

Main definitions: `equilibria`, `kept_equilibria`, `described`, `named_equilibria`, `continua`.

A rule's own fixed points solve "the state after one step is the state": the variables, what the rule remembers, and
every intermediate point are the unknowns. So a point that the rule adds or moves is found like any other, and is
called spurious when the field does not vanish there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sympy as sp

from bilevel.analysis.equilibrium import Equilibria, Equilibrium
from bilevel.analysis.fixed_point_systems import field_system, rule_system
from bilevel.analysis.forms import plain
from bilevel.analysis.kinds import SPURIOUS, kinds_at
from bilevel.analysis.kinked_zeros import zeros_by_cases
from bilevel.analysis.known import Known, fixed_by, somewhere_nonzero
from bilevel.analysis.linear_zeros import linear_zeros
from bilevel.analysis.named_points import named_points
from bilevel.analysis.solutions import Branch, Zeros, replaced
from bilevel.analysis.writing import shown
from bilevel.language.errors import BilevelError, GameError, UnknownAnswer
from bilevel.language.values import expression
from bilevel.rules.protocol.linear import linearise
from bilevel.rules.protocol.rule import Rule
from bilevel.system import System

Describe = Callable[[Any, Rule | None, Equilibrium, Known], Equilibrium]


def equilibria(
    game: Any, rule: Rule | None = None, *, at: Mapping[Any, Any] | None = None, describe: Describe | None = None
) -> Equilibria:
    """The fixed points of a learning rule on a game (default: the zeros of the field) and their kinds.

    Math: T(z) = z, or F(z) = 0 without a rule; `at` fixes some coordinates. Exact by factors, elimination, roots and
        Groebner bases; where these end, zeros proved by an interval Newton test, and points the game names, tested.
        `describe` stands in for `described`, which finds the kinds: a caller short of time may do that later.

    Raises: GameError if `at` names what nobody moves, or gives every coordinate of a point that is not fixed.

    Reference: Adolphs et al. (2019), arXiv:1805.05751, section 3, for the game below.

    Examples:
        >>> from bilevel.game import Game, maximize, minimize
        >>> x, y = sp.symbols("x y", real=True)
        >>> f = 2*x**2 + y**2 + 4*x*y + sp.Rational(4, 3)*y**3 - y**4/4
        >>> found = equilibria(Game(a=minimize(f, x), b=maximize(f, y)))
        >>> [point.point[y] for point in found.points], found.complete
        ([0, sqrt(2) + 2, 2 - sqrt(2)], True)
    """
    given, describe = _given(game, at), describe or described
    if len(given) == len(game.variables):
        return _only(game, rule, given)
    return _told(game, rule, given, describe, *_search(game, rule, given))


def kept_equilibria(game: Any, rule: Rule, given: Mapping[Any, Any], describe: Describe) -> Equilibria:
    """The zeros of the field that a rule leaves in place; its own fixed points are not searched for."""
    equations, unknowns = field_system(game)
    real = _real_symbols([*equations, *game.variables, *given.values(), *game.assuming])
    found = _kept((equations, unknowns), game, rule, dict(given), real)
    zeros = Zeros(tuple(found), False, f"only zeros of the field were searched, {rule.name} may have others")
    return _told(game, rule, dict(given), describe, zeros, real)


def _told(
    game: Any, rule: Rule | None, given: dict[Any, Any], describe: Describe, zeros: Zeros, real: dict[Any, Any]
) -> Equilibria:
    """Solutions as equilibria, with notes on what is left."""
    facts = [fact.xreplace(real) for fact in game.assuming]
    known = Known(fact for fact in facts if not fact.free_symbols & set(game.variables))
    back = {new: old for old, new in real.items()}
    points, notes = [], [zeros.reason] if zeros.reason else []
    for branch in zeros.branches:
        exists = known.boolean([*branch.conditions, *_inside(facts, branch, game)])
        if exists == sp.false:
            continue
        if branch.free and any(relation == "==" for _, relation in branch.conditions):
            notes.append(f"where {shown(exists)} there is a continuum of fixed points")
            continue
        fixed = fixed_by(exists)
        point = {v: branch.values[v.xreplace(real)].subs(fixed).xreplace(back) for v in game.variables}
        free = tuple(v.xreplace(back) for v in branch.free)
        there = Known(fact.xreplace(back) for fact in (*known.facts, exists))  # kinds are asked where the point is
        points.append(describe(game, rule, Equilibrium(point, (), exists.xreplace(back), "exact", free), there))
    points += _without_formula(game, rule, zeros, points, given)
    if not zeros.complete:
        points += named_equilibria(game, rule, given, points)
    return Equilibria(tuple(points), zeros.complete, "; ".join(dict.fromkeys(notes)))


def named_equilibria(
    game: Any, rule: Rule | None, given: Mapping[Any, Any], found: Sequence[Equilibrium] = ()
) -> list[Equilibrium]:
    """The points a game names, where the rule leaves them in place and they were not found; their kinds stay open."""
    known = Known(fact for fact in game.assuming if not fact.free_symbols & set(game.variables))
    inside = lambda point: known.boolean(_inside(list(game.assuming), Branch(point, (), ()), game))
    named = named_points(game, rule, given, [other.point for other in found], inside)
    return [Equilibrium(point, exists_on=exists) for point, exists in named]


def continua(game: Any, rule: Rule | None = None) -> tuple[Equilibrium, ...]:
    """The continua among the fixed points, without their kinds."""
    zeros, real = _search(game, rule, {})
    back = {new: old for old, new in real.items()}
    found = []
    for branch in zeros.branches:
        if branch.free and not any(relation == "==" for _, relation in branch.conditions):
            point = {v: branch.values[v.xreplace(real)].xreplace(back) for v in game.variables}
            found.append(Equilibrium(point, free=tuple(v.xreplace(back) for v in branch.free)))
    return tuple(found)


def _given(game: Any, at: Mapping[Any, Any] | None) -> dict[Any, Any]:
    if not game.is_coordinate:
        raise GameError("fixed points need scalar variables; instantiate the model-level game first")
    by_name = {str(key): expression(value) for key, value in (at or {}).items()}
    unknown = set(by_name) - {str(v) for v in game.variables}
    if unknown:
        names = ", ".join(map(str, game.variables))
        raise GameError(f"nobody moves {', '.join(sorted(unknown))}; the variables are {names}")
    return {v: by_name[str(v)] for v in game.variables if str(v) in by_name}


def _only(game: Any, rule: Rule | None, given: dict[Any, Any]) -> Equilibria:
    from bilevel.rules.protocol.defaults import default_rule

    linearise(game, rule or default_rule(game), given)  # says so where the point is not fixed
    found = described(game, rule, Equilibrium(given), Known(game.assuming))
    return Equilibria((found,), False, "the point was given; others were not searched for")


def _inside(facts: list[Any], branch: Branch, game: Any) -> list[Any]:
    """Assumptions about the variables, as conditions at the point."""
    about = [f for f in facts if f.free_symbols & set(branch.values)]
    parts = [r for f in about for r in (f.args if isinstance(f, sp.And) else (f,))]
    return [((r.lhs - r.rhs).subs(dict(branch.values)), r.rel_op) for r in parts if hasattr(r, "rel_op")]


def _search(game: Any, rule: Rule | None, given: dict[Any, Any]) -> tuple[Zeros, dict[Any, Any]]:
    """Zeros of the rule's own system; where that is not solved, the zeros of the field that the rule keeps."""
    equations, unknowns = field_system(game)
    try:
        system = (equations, unknowns) if rule is None else rule_system(game, rule)
    except (BilevelError, NotImplementedError, TypeError, AttributeError, ValueError):
        system = None
    real = _real_symbols([*equations, *(system[0] if system else ()), *game.variables, *given.values(), *game.assuming])
    found = _solved(system, given, real, game) if system else None
    if found is not None and (found.complete or rule is None):
        return found, real
    stay = _kept((equations, unknowns), game, rule, given, real)
    own = list(found.branches) if found else []
    merged = own + [b for b in stay if dict(b.values) not in [dict(o.values) for o in own]]
    reason = found.reason if found else f"the equations of {rule.name} have no closed form" if rule else ""
    return Zeros(tuple(merged), False, f"{reason}; zeros of the field were searched" if rule else reason), real


def _kept(system: Any, game: Any, rule: Rule | None, given: dict[Any, Any], real: dict[Any, Any]) -> list[Branch]:
    """The zeros of the field that the rule leaves where they are."""
    back = {new: old for old, new in real.items()}
    return [b for b in _solved(system, given, real, game).branches if _stays(game, rule, b, back)]


def _real_symbols(expressions: list[Any]) -> dict[Any, Any]:
    """Symbols of unsaid kind are real."""
    symbols = {s for e in expressions for s in e.free_symbols if isinstance(s, sp.Symbol)}
    return {s: sp.Symbol(s.name, **{**s._assumptions_orig, "real": True}) for s in symbols if s.is_real is None}


def _solved(system: Any, given: dict[Any, Any], real: dict[Any, Any], game: Any) -> Zeros:
    equations, unknowns = system
    put = {v.xreplace(real): value.xreplace(real) for v, value in given.items()}
    open_ones = [u.xreplace(real) for u in unknowns if u.xreplace(real) not in put]
    moved = [e.xreplace(real).subs(put, simultaneous=True) for e in equations]
    if any(e.has(sp.nan, sp.zoo, sp.oo) for e in moved):
        raise GameError("the losses or their derivatives are singular at the coordinates given; choose others")
    facts = [f.xreplace(real) for f in game.assuming]
    zeros = linear_zeros(moved, open_ones, facts) or zeros_by_cases(moved, open_ones, facts=facts)
    wanted = [v.xreplace(real) for v in game.variables]
    branches: list[Branch] = []
    for b in zeros.branches:
        values = {v: put.get(v, b.values.get(v)) for v in wanted}
        free = tuple(v for v in wanted if v in b.free)
        short = replace(b, values=values, free=free)
        if not any(dict(o.values) == values and o.conditions == b.conditions for o in branches):
            branches.append(short)
    return Zeros(tuple(branches), zeros.complete, zeros.reason)


def _stays(game: Any, rule: Rule | None, branch: Branch, back: dict[Any, Any]) -> bool:
    """Whether the rule leaves a zero of the field where it is."""
    if rule is None:
        return True
    point = {v.xreplace(back): value.xreplace(back) for v, value in branch.values.items()}
    try:
        linearise(game, rule, point)
    except UnknownAnswer:
        return True
    except GameError:
        return False
    return True


def described(game: Any, rule: Rule | None, found: Equilibrium, known: Known) -> Equilibrium:
    """A fixed point with its kinds and second-order tests; `known` holds the assumptions, and where it exists."""
    if isinstance(game, System):
        return found
    residuals = [replaced(plain(value), found.point) for value in game.field().values()]
    if rule is not None and not all(known.zero(r) for r in residuals):
        moved = any(known.nonzero(r) or somewhere_nonzero(r, found.exists_on) for r in residuals)
        return replace(found, kinds=(SPURIOUS,)) if moved else found
    kinds, tests = kinds_at(game, found.point, known, critical=rule is None)
    return replace(found, kinds=kinds, tests=tests)


def _without_formula(game: Any, rule: Rule | None, zeros: Zeros, exact: list[Equilibrium], given: Any) -> Any:
    """Further fixed points without parameters."""
    from bilevel.analysis.enclosed_points import enclosed_points

    if zeros.complete or given or any(point.free for point in exact):
        return []
    found = enclosed_points(game, rule, exact)
    known = Known(game.assuming)
    return [described(game, rule, point, known) if point.known == "exact" else point for point in found]
