"""The symbolic reading, differentiated, is the linear reading: for every rule, on random games."""

from __future__ import annotations

from typing import Any

import pytest
import sympy as sp

from bilevel import rules as R
from bilevel.game import Game, minimize
from bilevel.language import calculus
from bilevel.rules.protocol.symbols import fresh
from tests.rules.examples import TWO_PLAYERS, Q, examples, origin, random_game

CASES = [(name, rule) for name, rules in examples().items() for rule in rules if name != "sos"]


def composed_state(game: Any, rule: Any) -> tuple[list[Any], list[Any]]:
    """Every part of the next state as an expression in the state, and the state's symbols."""
    update = R.derive(game, rule)
    known: dict[Any, Any] = {}
    for line in update.assignments:
        if line.implicit:
            known.update(update._solved(line.index, known))
        elif line.target not in known:
            known[line.target] = calculus.replace(line.value, known)
    after = [*update.after.values(), *(value for part in update.memory_after.values() for value in part.values())]
    symbols = [*game.variables, *(fresh(v, part) for part in update.memory_after for v in game.variables)]
    return [calculus.replace(value, known) for value in after], symbols


def differentiated(game: Any, rule: Any) -> sp.Matrix:
    """The printed update's derivative at the origin: the chain rule, line by line, on the equations as printed."""
    update = R.derive(game, rule)
    state = [*game.variables, *(fresh(v, part) for part in update.memory_after for v in game.variables)]
    value = dict.fromkeys(state, sp.S.Zero)
    slope = {s: sp.eye(len(state))[i, :] for i, s in enumerate(state)}

    def rate(formula: Any) -> sp.Matrix:
        formula, total = sp.sympify(formula), sp.zeros(1, len(state))
        for symbol in sorted(formula.free_symbols & set(slope), key=str):
            total += sp.diff(formula, symbol).subs(value) * slope[symbol]
        return total

    lines = list(update.assignments)
    while lines:
        group = [line for line in lines if line.implicit == lines[0].implicit and (line is lines[0] or line.implicit)]
        group = [line for line in group if line.index == lines[0].index]
        lines = [line for line in lines if not any(line is done for done in group)]
        names = [line.target for line in group]
        value |= dict.fromkeys(names, sp.S.Zero)
        assert all(sp.sympify(line.value).subs(value) == 0 for line in group)
        inner = sp.Matrix([[sp.diff(line.value, n).subs(value) for n in names] for line in group])
        pushed = sp.Matrix.vstack(*(rate(line.value) for line in group))
        rows = (sp.eye(len(names)) - inner).solve(pushed)
        slope |= {name: rows[i, :] for i, name in enumerate(names)}
    after = [*update.after.values(), *(entry for part in update.memory_after.values() for entry in part.values())]
    return sp.Matrix.vstack(*(rate(formula) for formula in after))


def test_every_rule_has_an_example():
    assert set(R.catalogue()) == set(examples())


@pytest.mark.parametrize("name, rule", CASES, ids=lambda case: str(case) if isinstance(case, R.Rule) else "")
@pytest.mark.parametrize("shape, seed", [((1, 1), 1), ((1, 2), 2)])
def test_readings_agree_on_two_players(name: str, rule: Any, shape: tuple[int, ...], seed: int):
    game = random_game(shape, seed, degree=2 if name == "symplectic_surgery" else 3)
    assert differentiated(game, rule) == sp.Matrix(R.linearise(game, rule, origin(game)).matrix)


@pytest.mark.parametrize(
    "name, rule",
    [case for case in CASES if case[0] not in TWO_PLAYERS],
    ids=lambda case: str(case) if isinstance(case, R.Rule) else "",
)
def test_readings_agree_on_three_players(name: str, rule: Any):
    game = random_game((1, 1, 1), 3, degree=2)
    assert differentiated(game, rule) == sp.Matrix(R.linearise(game, rule, origin(game)).matrix)


@pytest.mark.parametrize("shape, seed", [((1, 1), 1), ((2, 1), 4)])
def test_sos_linearises_to_what_it_does_near_the_point(shape: tuple[int, ...], seed: int):
    # Its p1 is 0/0 at the point itself, so the comparison is a difference quotient in exact arithmetic.
    game = random_game(shape, seed)
    (rule,) = examples()["sos"]
    after, symbols = composed_state(game, rule)
    matrix = R.linearise(game, rule, origin(game)).matrix
    tiny = Q(1, 10**8)
    for direction in ([1, -2, 3], [-3, 1, 1]):
        v = sp.Matrix(direction[: len(symbols)])
        moved = sp.Matrix([value.subs({s: tiny * d for s, d in zip(symbols, v)}) for value in after]) / tiny
        assert max(abs(entry) for entry in moved - matrix * v) < Q(1, 10**6)


@pytest.mark.parametrize("make, degree", [(R.lola, 3), (R.lola_exact, 2)])
def test_a_fixed_point_that_is_no_zero_of_the_field(make: Any, degree: int):
    # Linear terms make the shaping term nonzero at 0; each player's own linear term is then tuned so that LOLA rests
    # at 0.
    game = random_game((1, 1), 7, degree, linear=True)
    own = sp.symbols("l0 l1")
    tuned = Game({n: minimize(p.loss + l * p.moves[0], *p.moves) for (n, p), l in zip(game.players.items(), own)})
    rule = make(Q(1, 5), Q(1, 3))
    after, symbols = composed_state(tuned, rule)
    (solution,) = sp.solve([value.subs(dict.fromkeys(symbols, 0)) for value in after], own, dict=True)
    resting = tuned.map_losses(lambda loss: loss.subs(solution))
    assert any(value.subs(dict.fromkeys(symbols, 0)) != 0 for value in resting.field().values())
    after, symbols = composed_state(resting, rule)
    expected = sp.Matrix(after).jacobian(symbols).subs(dict.fromkeys(symbols, 0))
    assert expected == sp.Matrix(R.linearise(resting, rule, origin(resting)).matrix)
