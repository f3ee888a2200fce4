"""One cell of the table: a strategy on one side, weighed on every test problem of that side.

Main definitions: `cell`, a plain function of names that returns plain data, so that any executor can run it.
"""

from __future__ import annotations

import time
from contextlib import suppress
from functools import cache
from typing import Any

import sympy as sp

from bilevel.analysis.analyse import analyse
from bilevel.analysis.ball_number import BallNumber
from bilevel.analysis.cascades import linear_at
from bilevel.analysis.charted import across
from bilevel.analysis.comparison import compare
from bilevel.analysis.nearest import line_verdict, linear_near
from bilevel.analysis.state_map import state_map
from bilevel.app import budget
from bilevel.app.answers import certificate, point_object, text, verdict_object
from bilevel.app.saving import save
from bilevel.app.table1_lines import idle_along, lost_isolation
from bilevel.app.table1_moved import DESTROYED, UNDECIDED
from bilevel.app.table1_points import fate_of
from bilevel.app.table1_problems import PROBLEMS, RULES, STEP, Bench
from bilevel.app.table1_rates import best_rate, scaled, steps_of, told
from bilevel.app.table1_verdict import against, judged, reached, summed
from bilevel.language.errors import BilevelError, UnknownAnswer
from bilevel.language.mean import Mean
from bilevel.language.values import expression
from bilevel.models.strategies import catalogue
from bilevel.models.strategies.protocol.strategy import NotApplicable, Strategy
from bilevel.rules import derive, linearise
from bilevel.system import flow_of, map_of

SECONDS, RATE_SECONDS = 300.0, 20.0
LATE = "out of time"
LONGEST = 400  # operations in a composed update that is still written out


def cell(name: str, side: str, seconds: float = SECONDS) -> dict[str, Any]:
    """The whole answer of one cell. Each problem and variant has its share of the seconds; what has no time left is
    unknown, with the reason."""
    row = catalogue()[name].row
    benches = [bench for bench in PROBLEMS if bench.side == side]
    entries = _entries(name, [(dict(variant), bench) for variant in row.variants for bench in benches], seconds)
    printed = None if row.printed is None else row.printed[side == "ac"]
    found = summed(entries)
    return {
        "strategy": name,
        "title": row.title,
        "side": side,
        "printed": printed,
        "remark": dict(row.remarks).get(side),
        **found,
        "against": against(printed, found["word"], entries),
        "entries": entries,
    }


def _entries(name: str, cases: list[tuple[dict[str, Any], Bench]], seconds: float) -> list[dict[str, Any]]:
    """Time that quick entries leave over goes to those after them; in the end, to those whose share was too short."""
    deadline, entries = time.process_time() + seconds, dict[int, dict[str, Any]]()
    waiting = list(range(len(cases)))
    for _ in range(2):
        for done, k in enumerate(waiting):
            share = max(deadline - time.process_time(), 1.0) / (len(waiting) - done)
            if k not in entries or share > 2 * entries[k]["seconds"]:
                entries[k] = _guarded(name, *cases[k], share)
        waiting = [k for k in waiting if LATE in entries[k]["why"]]
    return [entries[k] for k in range(len(cases))]


def _guarded(name: str, variant: dict[str, Any], bench: Bench, seconds: float) -> dict[str, Any]:
    began = time.process_time()
    for rule in RULES:
        _before(bench, rule)
    entry: dict[str, Any] = {
        "problem": bench.name,
        "problem_title": bench.title,
        "variant": {k: str(v) for k, v in variant.items()},
    }
    with budget.limited(seconds, budget.PROCESSOR, strict=True) as clock:
        try:
            entry |= _weighed(name, variant, bench, clock, entry)
        except NotApplicable as stop:
            entry |= {"word": "not applicable", "why": f"proved: {stop}"}
        except UnknownAnswer as stop:
            entry |= {"word": "unknown", "why": str(stop)}
        except (Exception, budget.OutOfTime) as stop:  # one entry's fault is not the table's
            budget.PROCESSOR.ring(0)
            entry |= {"word": "unknown", "why": "; ".join([_failed(stop, seconds), *reached(entry)])}
        budget.PROCESSOR.ring(0)
    return entry | {"seconds": round(time.process_time() - began, 2)}


def _failed(stop: BaseException, seconds: float) -> str:
    """Why there is no answer: no time, nothing known that applies, or a fault of this program."""
    if isinstance(stop, budget.OutOfTime):
        return f"{LATE}: its share of the budget was {seconds:.0f} s; try: raise --cell-budget"
    if isinstance(stop, BilevelError):
        return str(stop)
    return f"a fault of this program, please report it: {type(stop).__name__}: {stop}"[:300]


def strategy_of(name: str, variant: dict[str, Any]) -> Strategy:
    """The strategy of a variant, with numbers for every strength."""
    make = catalogue()[name]
    free = {key: value for key, value in make.row.numbers if key not in variant}
    return make(**free, **variant)


def _weighed(
    name: str, variant: dict[str, Any], bench: Bench, clock: budget.Clock, found: dict[str, Any]
) -> dict[str, Any]:
    """The entry, put into `found` piece by piece, so that what was decided stands when the time is over."""
    strategy, game = strategy_of(name, variant), bench.game()
    actor = tuple(str(v) for v in game[game.samples.actor].moves)
    found |= {"strategy": str(strategy), "model": strategy.model or "exact", "rules": {}}
    changed = {rule: strategy(game, make()) for rule, make in RULES.items()}
    common = next(iter(changed.values()))[0]  # rules share one game where they may, and with it all that is derived
    changed = {rule: (common if new == common else new, step) for rule, (new, step) in changed.items()}
    updates = str(derive(*changed["alternating"]))
    found["updates"] = updates if len(updates) < 4000 else updates[:4000] + " ..."
    if all(_idle(game, new, step, RULES[rule]()) for rule, (new, step) in changed.items()):
        output = catalogue()[name].row.output
        why = "the players' update equations are the same, symbol by symbol" + (
            "; what is added is an output only" if output else "; what is added drives nothing"
        )
        return found | {"word": "neutral" if output else "not applicable", "why": f"proved: {why}"}
    fate = fate_of(changed["alternating"][0], game, dict(bench.point), actor, clock)
    found["fixed_point"] = {"word": fate.word, "why": fate.why, "point": fate.point and point_object(fate.point.point)}
    if fate.point is not None:
        where = {rule: {v: fate.point.point[v] for v in new.variables} for rule, (new, _) in changed.items()}
        enclosed = fate.point.known == "enclosed"
        at = linear_near if enclosed else linear_at
        linear = {rule: at(new, step, where[rule]) for rule, (new, step) in changed.items()}
        if fate.along:
            linear = {rule: across(matrix, fate.along) for rule, matrix in linear.items()}
        for rule, (new, step) in changed.items():
            record: dict[str, Any] = {}
            found["rules"][rule] = record
            _under(record, rule, new, step, linear[rule], bench, where[rule], clock)
        if not enclosed and not fate.along:  # the interval test proves a zero that is isolated
            loose = lost_isolation(common, linear["flow"], where["flow"], actor, _before(bench, "flow")[2])
            found["fixed_point"]["line"] = loose
    elif fate.word == UNDECIDED:
        return found | {"word": "unknown", "why": fate.why}
    return found | judged(found, destroyed=fate.word == DESTROYED)


def _idle(game: Any, changed: Any, new: Any, rule: Any) -> bool:
    """Whether the strategy leaves every update of the game's own variables as it was, for every value of everything."""
    while new.name == "followed":
        new = dict(new.parameters)["base"]
    before, after = game.field(), changed.field()
    if str(new) != str(rule) or not set(before) <= set(after):
        return False
    if any(after[v] != before[v] and _differ(after[v] - before[v]) for v in before):
        return False
    return all(after[v] == before[v] or sp.expand(after[v] - before[v]) == 0 for v in before)


def _differ(gap: Any) -> bool:
    """Whether a difference is plainly not 0 at some point: to see that is quicker than to multiply it out."""
    point = {s: sp.Rational(k + 3, 2 * k + 5) for k, s in enumerate(sorted(gap.free_symbols, key=str))}
    value = gap.xreplace(point)
    return not value.has(Mean) and bool(abs(sp.N(value)) > sp.Float("1e-6"))


@cache
def _before(bench: Bench, rule: str) -> tuple[Any, Any, list[str]]:
    """Verdict, best rate, and along which of the actor's coordinates nothing is learnt, without any strategy."""
    game = bench.game()
    point = {v: expression(dict(bench.point)[str(v)]) for v in game.variables}
    linear = linearise(game, RULES[rule](), point)
    verdict = analyse(linear.matrix, time=linear.time, assuming=game.assuming)
    loose = [n for _, names in idle_along(linear, [str(v) for v in game[game.samples.actor].moves]) for n in names]
    with budget.limited(RATE_SECONDS, budget.PROCESSOR) as clock:
        return verdict, best_rate(linear.matrix, verdict, 1, clock), loose


def _under(
    record: dict[str, Any],
    rule: str,
    changed: Any,
    new: Any,
    linear: Any,
    bench: Bench,
    point: Any,
    clock: budget.Clock,
) -> None:
    """Before and after under one rule: the whole state for the record, the part that drives the players for the word"""
    plain, game = RULES[rule](), bench.game()
    with clock.section(2 / 3):
        whole = _decided(linear.matrix, linear.time, changed.assuming)
        learnt = {str(v) for player in game.players for v in changed[player].moves}
        part = driving(linear.matrix, [k for k, name in enumerate(linear.order) if name in learnt])
        own = whole if part.rows == linear.matrix.rows else _decided(part, linear.time, changed.assuming)
        before, rate_before, _ = _before(bench, rule)
        verdict, scale = compare(before, own), scaled(before.jacobian, own.jacobian)
    after = verdict_object(whole, list(linear.order), certified=False) | {"steps": steps_of(whole)}
    record |= {
        "rule": str(new),
        "before": told(before),
        "after": after | {"certificate": None, "certified_at": None},
        "players": None if own is whole else told(own),
        "word": verdict.word,
        "why": verdict.why,
        "scale": None if scale is None else text(scale),
        "best_before": rate_before,
        "best_after": best_rate(own.jacobian, own, rounds(new), clock.part(2 / 3)),
        "same": changed == game and str(new) == str(plain),
        "file": None,
    }
    with suppress(budget.OutOfTime), clock.section(1 / 2):  # the word rests on neither
        record["file"] = problem_text(changed, new, linear, point)
        found, at = certified(whole, verdict)
        record["after"] |= {"certificate": found, "certified_at": at}


def _decided(matrix: Any, time: str, facts: Any) -> Any:
    """The verdict on a rule's Jacobian: exact in closed form, by enclosures where an entry is known only so."""
    return line_verdict(matrix, time) if matrix.has(BallNumber) else analyse(matrix, time=time, assuming=facts)


def driving(matrix: Any, players: list[int]) -> Any:
    """The rows and columns of the players and of everything that, directly or not, moves them."""
    kept = list(players)
    for row in kept:
        kept += [k for k in range(matrix.cols) if k not in kept and matrix[row, k] != 0]
    order = sorted(kept)
    return sp.ImmutableMatrix(matrix.extract(order, order))


def certified(verdict: Any, compared: Any) -> tuple[Any, dict[str, str] | None]:
    """A certificate of the verdict; where there is none with the step open, one at a step at which it is decided. None
    for what rests on enclosures: the format has no balls."""
    found = certificate(verdict)
    if found is not None or verdict.condition is None or verdict.jacobian.has(BallNumber):
        return found, None
    steps = [p[STEP] for p in (compared.gained, compared.lost) if p and STEP in p]
    for step in (*steps, *(sp.Rational(n, d) for n, d in ((1, 10), (1, 100), (1, 1), (5, 1)))):
        there = analyse(verdict.jacobian.subs(STEP, step), time=verdict.time)
        found = certificate(there) if there.verdict != "unknown" else None
        if found is not None:
            return found, {str(STEP): str(step)}
    return None, None


def rounds(rule: Any) -> int:
    """How many steps of the underlying rule one round takes."""
    arguments = dict(rule.parameters)
    own = int(arguments.get("every", 1)) if rule.name in ("followed", "delayed") else 1
    return own * (rounds(arguments["base"]) if "base" in arguments else 1)


def problem_text(game: Any, rule: Any, linear: Any, point: Any) -> str | None:
    """A problem file that says the same: players and rule where these can be written, else the map of the state; where
    composing that fills pages, its linear part at the fixed point. A point that is only enclosed is left to be found;
    linear parts there are written in decimals, and say so."""
    enclosed = any(isinstance(x, BallNumber) for x in point.values())
    try:
        return save(game, rule, None if enclosed else point)
    except BilevelError:
        pass
    try:
        if enclosed or _composed_size(derive(game, rule)) > LONGEST:
            return _linear_text(game, linear, point)
        system = state_map(game, rule, point)
        make = flow_of if system.time == "continuous" else map_of
        equations = dict(zip(system.variables, system.after, strict=True))
        return save(make(equations, title=game.title, source=game.source), at=dict(system.point))
    except BilevelError:
        return None


def _composed_size(update: Any) -> int:
    """How many operations the update would have with its steps put into one another."""
    sizes: dict[Any, int] = {}
    for line in update.assignments:
        inside = sum(line.value.count(s) * sizes[s] for s in line.value.free_symbols & set(sizes))
        sizes[line.target] = int(line.value.count_ops()) + inside
    return sum(sizes.values())


def _linear_text(game: Any, linear: Any, point: Any) -> str:
    """x* + M (x - x*), or M (x - x*) for a flow, as a problem file."""
    enclosed = {x: x.decimal for e in (*point.values(), *linear.matrix) for x in e.atoms(BallNumber)}
    rounded = lambda e: e.xreplace({x: sp.Rational(str(decimal)) for x, decimal in enclosed.items()})
    here = {str(v): rounded(value) for v, value in point.items()}
    symbols = [sp.Symbol(name.replace("@", "_at_"), real=True) for name in linear.order]
    at = {v: here[name.partition("@")[0]] for v, name in zip(symbols, linear.order, strict=True)}
    moved = linear.matrix.applyfunc(rounded) * sp.Matrix([v - value for v, value in at.items()])
    discrete = linear.time == "discrete"
    equations = {v: m + at[v] if discrete else m for v, m in zip(symbols, moved, strict=True)}
    title = f"{game.title}, linear part at the fixed point" + (", in decimals" if enclosed else "")
    return save((map_of if discrete else flow_of)(equations, title=title, source=game.source), at=at)
