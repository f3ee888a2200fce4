"""Fixed points of games and of learning rules, exactly, with the kind of equilibrium each one is.

Main definitions: `equilibria`, `Equilibria`, `Equilibrium`.

A rule's own fixed points solve "the state after one step is the state": the variables, what the rule remembers, and
every intermediate point are the unknowns. So a point that the rule adds or moves is found like any other, and is
called spurious when the field does not vanish there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import sympy as sp
from flint import fmpq

from bilevel.analysis.enclosure import enclose
from bilevel.analysis.forms import plain
from bilevel.analysis.kinds import SPURIOUS, kinds_at
from bilevel.analysis.kinked_zeros import zeros_by_cases
from bilevel.analysis.known import Known, somewhere_nonzero
from bilevel.analysis.linear_zeros import linear_zeros
from bilevel.analysis.named_points import named_points
from bilevel.analysis.solutions import Branch, Zeros
from bilevel.analysis.writing import shown
from bilevel.language.errors import BilevelError, GameError, UnknownAnswer
from bilevel.language.mean import Mean
from bilevel.language.values import expression
from bilevel.rules.protocol.derivation import derive
from bilevel.rules.protocol.linear import linearise
from bilevel.rules.protocol.rule import Rule
from bilevel.rules.protocol.symbols import fresh
from bilevel.system import System


@dataclass(frozen=True)
class Equilibrium:
    """A fixed point: where it is and where it exists, what kind of equilibrium, the second-order tests behind that.

    Math: `point` gives each variable's value (a variable `free` along a continuum stands for itself); `exists_on` is
        the set of parameters where it is a real point; `tests` are the matrices whose definiteness decides `kinds`.

    Shapes: `box`, for an enclosed point, gives each variable an interval (low, high) that holds exactly one zero.

    Reference: Jin, Netrapalli, Jordan (2020), arXiv:1902.00618; Fiez, Chasnov, Ratliff (2020), arXiv:1906.01217.

    Examples:
        >>> x = sp.Symbol("x", real=True)
        >>> str(Equilibrium({x: sp.S.Zero}, ("Nash (strict)",)))
        'x = 0: Nash (strict)'
    """

    point: Mapping[Any, Any]
    kinds: tuple[str, ...] = ()
    exists_on: Any = sp.true
    known: str = "exact"
    free: tuple[Any, ...] = ()
    tests: Mapping[str, Any] = field(default_factory=dict)
    box: Mapping[Any, tuple[Any, Any]] | None = None

    def __str__(self) -> str:
        place = ", ".join(f"{v} = {value}" for v, value in self.point.items() if v not in self.free)
        free = f"{', '.join(map(str, self.free))} free" if self.free else ""
        return f"{', '.join(filter(None, (place, free)))}: {', '.join(self.kinds) or 'no kind decided'}"


@dataclass(frozen=True)
class Equilibria:
    """The fixed points found; `complete` when every real isolated one is proved to be among them, else `reason` says
    what is open.

    Math: see `Equilibrium`.

    Reference: see `equilibria`.

    Examples:
        >>> Equilibria((), True).complete
        True
    """

    points: tuple[Equilibrium, ...]
    complete: bool
    reason: str = ""

    def __str__(self) -> str:
        lines = [str(point) for point in self.points] or ["no fixed point found"]
        return "\n".join([*lines, "these are all" if self.complete else f"there may be others: {self.reason}"])


def equilibria(game: Any, rule: Rule | None = None, *, at: Mapping[Any, Any] | None = None) -> Equilibria:
    """The fixed points of a learning rule on a game (default: the zeros of the field) and their kinds.

    Math: T(z) = z, or F(z) = 0 without a rule; `at` fixes some coordinates. Exact by factors, elimination, roots and
        Groebner bases; where these end, zeros proved by an interval Newton test, and points the game names, tested.

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
    given = _given(game, at)
    if len(given) == len(game.variables):
        return _only(game, rule, given)
    zeros, real = _search(game, rule, given)
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
        point = {v: branch.values[v.xreplace(real)].xreplace(back) for v in game.variables}
        free = tuple(v.xreplace(back) for v in branch.free)
        points.append(_described(game, rule, Equilibrium(point, (), exists.xreplace(back), "exact", free), known))
    points += _numeric(game, rule, zeros, points, given)
    if not zeros.complete:
        inside = lambda point: known.boolean(_inside(list(game.assuming), Branch(point, (), ()), game))
        named = named_points(game, rule, given, [o.point for o in points], inside)
        points += [Equilibrium(point, exists_on=exists) for point, exists in named]  # their kinds stay open
    return Equilibria(tuple(points), zeros.complete, "; ".join(dict.fromkeys(notes)))


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
    found = _described(game, rule, Equilibrium(given), Known(game.assuming))
    return Equilibria((found,), False, "the point was given; others were not searched for")


def _inside(facts: list[Any], branch: Branch, game: Any) -> list[Any]:
    """Assumptions about the variables, as conditions at the point."""
    about = [f for f in facts if f.free_symbols & set(branch.values)]
    parts = [r for f in about for r in (f.args if isinstance(f, sp.And) else (f,))]
    return [((r.lhs - r.rhs).subs(dict(branch.values)), r.rel_op) for r in parts if hasattr(r, "rel_op")]


def _search(game: Any, rule: Rule | None, given: dict[Any, Any]) -> tuple[Zeros, dict[Any, Any]]:
    """Zeros of the rule's own system; where that is not solved, the zeros of the field that the rule keeps."""
    equations, unknowns = _field_system(game)
    try:
        system = (equations, unknowns) if rule is None else _rule_system(game, rule)
    except (BilevelError, NotImplementedError, TypeError, AttributeError, ValueError):
        system = None
    real = _real_symbols([*equations, *(system[0] if system else ()), *game.variables, *given.values(), *game.assuming])
    found = _solved(system, given, real, game) if system else None
    if found is not None and (found.complete or rule is None):
        return found, real
    by_field = _solved((equations, unknowns), given, real, game)
    back = {new: old for old, new in real.items()}
    stay = [b for b in by_field.branches if _stays(game, rule, b, back)]
    own = list(found.branches) if found else []
    merged = own + [b for b in stay if dict(b.values) not in [dict(o.values) for o in own]]
    reason = found.reason if found else f"the equations of {rule.name} have no closed form" if rule else ""
    return Zeros(tuple(merged), False, f"{reason}; zeros of the field were searched" if rule else reason), real


def _field_system(game: Any) -> tuple[list[Any], list[Any]]:
    return [_averaged(value) for value in game.field().values()], list(game.variables)


def _averaged(value: Any) -> Any:
    """Averages that waited for a derivative and have a closed form now."""
    return value.replace(lambda node: isinstance(node, Mean), lambda node: node.doit()) if value.has(Mean) else value


def _rule_system(game: Any, rule: Rule) -> tuple[list[Any], list[Any]]:
    """The state after one step is the state before it; intermediate points are unknowns of their own."""
    update = derive(game, rule)
    moving = rule.time == "continuous"
    equations = [value - (0 if moving else v) for v, value in update.after.items()]
    unknowns = list(update.after)
    for part, block in update.memory_after.items():
        equations += [value - fresh(v, part) for v, value in block.items()]
        unknowns += [fresh(v, part) for v in block]
    equations += [line.target - line.value for line in update.assignments]
    return equations, list(dict.fromkeys([*unknowns, *(line.target for line in update.assignments)]))


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


def _described(game: Any, rule: Rule | None, found: Equilibrium, known: Known) -> Equilibrium:
    """With its kinds and second-order tests."""
    if isinstance(game, System):
        return found
    residuals = [plain(value).subs(dict(found.point), simultaneous=True) for value in game.field().values()]
    if rule is not None and not all(known.zero(r) for r in residuals):
        moved = any(known.nonzero(r) or somewhere_nonzero(r, found.exists_on) for r in residuals)
        return replace(found, kinds=(SPURIOUS,)) if moved else found
    kinds, tests = kinds_at(game, found.point, known, critical=rule is None)
    return replace(found, kinds=kinds, tests=tests)


def _numeric(game: Any, rule: Rule | None, zeros: Zeros, exact: list[Equilibrium], given: Any) -> list[Equilibrium]:
    """Further fixed points without parameters, each proved by an interval test."""
    from bilevel.analysis.krawczyk import Enclosed, isolated_zeros

    if zeros.complete or given or any(point.free for point in exact):
        return []
    try:
        equations, unknowns = _field_system(game) if rule is None else _rule_system(game, rule)
        boxes = isolated_zeros(equations, unknowns)
    except (BilevelError, NotImplementedError, TypeError, AttributeError, ValueError):
        return []
    found = []
    for box in boxes:
        if any(_holds_point(box, point, game) for point in exact) or not _in_domain(box, game):
            continue
        short = _short_fractions(box, equations, unknowns)
        if short is not None:
            point = {v: short[v] for v in game.variables}
            found.append(_described(game, rule, Equilibrium(point), Known(game.assuming)))
            continue
        ends = {v: (_float(box[v].lower()), _float(box[v].upper())) for v in game.variables}
        new = Equilibrium({v: _float(box[v].mid()) for v in game.variables}, (), sp.true, "enclosed", box=ends)
        if not isinstance(game, System):
            known = Enclosed({v: box[v] for v in game.variables})
            residuals = [] if rule is None else [plain(value) for value in game.field().values()]
            moved = any(known.nonzero(r) for r in residuals)
            kinds, tests = ((SPURIOUS,), {}) if moved else kinds_at(game, {}, known, critical=True)
            new = replace(new, kinds=kinds, tests=tests)
        found.append(new)
    return found


def _short_fractions(box: Any, equations: list[Any], unknowns: list[Any]) -> dict[Any, Any] | None:
    """The one zero in the box where short fractions inside it satisfy every equation exactly."""
    values = {v: sp.Rational(_float(box[v].mid())).limit_denominator(1000) for v in unknowns}
    if not all(box[v].contains(fmpq(int(value.p), int(value.q))) for v, value in values.items()):
        return None
    known = Known()
    return values if all(known.zero(plain(e).subs(values, simultaneous=True)) for e in equations) else None


def _holds_point(box: Any, point: Equilibrium, game: Any) -> bool:
    values = [enclose(point.point[v]) for v in game.variables]
    return all(value is not None and box[v].overlaps(value) for v, value in zip(game.variables, values, strict=True))


def _in_domain(box: Any, game: Any) -> bool:
    """Whether the enclosed point satisfies the assumptions on the variables (undecided ones count as satisfied)."""
    outside = ((v.is_nonnegative and box[v] < 0) or (v.is_nonpositive and box[v] > 0) for v in game.variables)
    return not any(outside)


def _float(end: Any) -> Any:
    return sp.Float(float(end))
