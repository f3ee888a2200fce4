"""What a loss holds constant is held in its slope and varies in the slope's derivative, in all three readings."""

from __future__ import annotations

import random
import zlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from bilevel import rules as R
from bilevel.analysis.hypergradient import hypergradient as formula
from bilevel.game import Game, minimize
from bilevel.language import stop_gradient
from bilevel.numeric import check_update, hypergradient, jacobian, reading
from bilevel.numeric.held import without_held
from bilevel.numeric.precision import prepared, working
from bilevel.response import best_response, unrolled
from bilevel.rules.protocol.symbolic import SymbolicField
from tests.rules.examples import examples

held = jax.lax.stop_gradient


class Asked(SymbolicField):
    """A field that notes whether a rule asks for more than its values."""

    def jvp(self, *given: Any) -> Any:
        return self._noted(super().jvp, *given)

    def vjp(self, *given: Any) -> Any:
        return self._noted(super().vjp, *given)

    def fixed_point(self, *given: Any, **named: Any) -> Any:
        return self._noted(super().fixed_point, *given, **named)

    def _noted(self, ask: Any, *given: Any, **named: Any) -> Any:
        self.noted = True
        return ask(*given, **named)


def differentiates(rule: Any) -> bool:
    """Whether a rule takes derivatives of the field: then what a loss holds matters twice."""
    a, b = sp.symbols("a b", real=True)
    field = Asked(Game(p0=minimize(a**2 + a * b, a), p1=minimize(b**2 - a * b, b)))
    rule.on(field)(*[field.here] * (1 + len(rule.memory)))
    return hasattr(field, "noted")


CASES = [(n, rules[0]) for n, rules in examples().items() if rules and differentiates(rules[0])]
NEAR = (0.03, -0.02, 0.05)  # close enough for implicit steps to have their solution


def terms(seed: int, moved: list[list[int]], variables: int) -> list[list[Any]]:
    """For every player terms (coefficient, powers held, powers free), with a convex part of its own."""
    source = random.Random(seed)
    few = lambda: tuple(source.choice((0, 0, 1)) for _ in range(variables))
    found = []
    for own in moved:
        mixed = [(sp.Rational(source.randint(-3, 3), 2), few(), few()) for _ in range(6)]
        square = [(sp.Integer(3), (0,) * variables, tuple(2 * (k == i) for k in range(variables))) for i in own]
        bound = [(sp.Integer(1), tuple(int(k == i) for k in range(variables)), few()) for i in own]
        found.append([*mixed, *square, *bound])
    return found


def by_symbols(parts: list[Any], z: Any) -> Any:
    power = lambda exponents: sp.Mul(*(v**e for v, e in zip(z, exponents)))
    return sp.Add(*(c * stop_gradient(power(a)) * power(b) for c, a, b in parts))


def by_hand(parts: list[Any], z: Any) -> Any:
    def power(exponents: Any) -> Any:
        value = jnp.ones(())
        for v, e in zip(z, exponents):
            value = value * v**e
        return value

    return sum(float(c) * held(power(a)) * power(b) for c, a, b in parts)


def both_games(seed: int, shape: tuple[int, ...] = (1, 2)) -> tuple[Game, dict[str, Any]]:
    """One game with held values, in symbols and written by hand in JAX."""
    names = [f"x{i}" for i in range(sum(shape))]
    symbols, moved, first = sp.symbols(names, real=True), [], 0
    for size in shape:
        moved.append(list(range(first, first + size)))
        first += size
    parts = terms(seed, moved, len(names))
    game = Game(
        {f"p{k}": minimize(by_symbols(p, symbols), *(symbols[i] for i in moved[k])) for k, p in enumerate(parts)}
    )
    numbers = lambda z: [z[f"p{k}"][f"x{i}"] for k, own in enumerate(moved) for i in own]
    return game, {f"p{k}": lambda z, p=p: by_hand(p, numbers(z)) for k, p in enumerate(parts)}


def steps(game: Game, losses: dict[str, Any], rule: Any, rounds: int) -> Any:
    """The parameters after some steps, by the game's numeric reading and by that of the losses."""
    flat, tree = reading(game, rule), reading(losses, rule)
    owners = {str(v): name for v, name in game.owner.items()}

    def run(numbers: Any) -> Any:
        point = {str(v): number for v, number in zip(game.variables, numbers)}
        nested = {name: {v: point[v] for v, owner in owners.items() if owner == name} for name in game.players}
        known, state = flat.init(point), tree.init(nested)
        for _ in range(rounds):
            point, known = flat.step(point, known)
            nested, state = tree.step(nested, state)
        read = lambda tree: jnp.stack([tree[owner][v] for v, owner in owners.items()])
        return jnp.stack([*point.values()]), read(nested)

    return run


@pytest.mark.parametrize("name, rule", CASES, ids=str)
def test_a_rule_on_held_values_has_one_meaning_in_all_readings(name: str, rule: Any):
    game, losses = both_games(zlib.crc32(name.encode()) % 1000, (1, 1))
    assert check_update(game, rule, trials=1, values=dict(zip(game.variables, NEAR)))  # derived against numeric
    with working("float64"):
        here = jnp.asarray(NEAR[: len(game.variables)])
        run, _ = prepared(steps(game, losses, rule, 1 + bool(rule.memory)), here)
        np.testing.assert_allclose(*map(np.asarray, run(here)), rtol=1e-10, atol=1e-12)


def test_the_rules_that_differentiate_the_field_are_found():
    found = {name for name, _ in CASES}
    assert {"consensus", "symplectic", "lola", "sos", "competitive", "lead", "stackelberg", "proximal_point"} <= found
    assert not found & {"simultaneous", "extragradient", "adam", "heavy_ball"}


@settings(max_examples=5)
@given(st.integers(0, 10**6), st.sampled_from([(1, 1), (2, 1), (1, 1, 1)]))
def test_the_jacobian_of_hand_written_losses_is_that_of_the_formula(seed: int, shape: tuple[int, ...]):
    game, losses = both_games(seed, shape)
    here = {v: sp.Rational(k + 1, 4) for k, v in enumerate(game.variables)}
    nested = {name: {str(v): float(here[v]) for v in p.moves} for name, p in game.players.items()}
    exact = np.array(game.jacobian().subs(here), dtype=float)
    np.testing.assert_allclose(jacobian(losses, nested).dense(), exact, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("how", [best_response(), unrolled(1, "1/3"), unrolled(3, "1/3")], ids=str)
def test_leaders_through_followers_that_hold_values(how: Any):
    game, losses = both_games(1)
    symbols = dict(zip(game.variables, (sp.Rational(1, 3), sp.Rational(-1, 4), sp.Rational(1, 5))))
    exact = [float(value.subs(symbols)) for value in formula(game, "p0", how).values()]
    with working("float64"):
        at = {n: {str(v): jnp.asarray(float(symbols[v])) for v in p.moves} for n, p in game.players.items()}
        found = hypergradient(losses, "p0", how, at=at).value
    np.testing.assert_allclose([*found.values()], exact, rtol=1e-10)


def test_a_leader_of_a_temporal_difference_critic():
    # The critic's answer to reward x is x/(1 - gamma), whatever it holds on the way; the leader pays (its half square).
    x, w = sp.symbols("x w", real=True)
    gamma = sp.Rational(3, 4)
    critic = minimize((w - stop_gradient(x + gamma * w)) ** 2 / 2, w)
    game = Game(leader=minimize(w**2 / 2 + x, x), critic=critic)
    at = {x: 1, w: 4}
    assert formula(game, "leader")[x].subs(at) == 1 + 16
    losses = {
        "leader": lambda z: z["critic"] ** 2 / 2 + z["leader"],
        "critic": lambda z: (z["critic"] - held(z["leader"] + 0.75 * z["critic"])) ** 2 / 2,
    }
    assert float(hypergradient(losses, "leader", at={"leader": 1.0, "critic": 4.0}).value) == 17.0


@pytest.mark.parametrize("steps", [1, 2])
def test_the_unrolling_rule_is_the_unrolled_reply_where_values_are_held(steps: int):
    game, _ = both_games(5, (1, 1))
    leader = game.players["p0"]
    seeing = game.with_players(p0=minimize(leader.loss, *leader.moves, through={"p1": unrolled(steps, "1/3")}))
    by_rule = R.derive(game, R.unrolling("1/5", steps, "1/3")).composed()
    by_reply = R.derive(seeing, R.simultaneous("1/5")).composed()
    assert all(sp.expand(by_rule[v] - by_reply[v]) == 0 for v in game.variables)


@pytest.mark.parametrize("make", [R.competitive, R.symplectic_surgery])
def test_linear_systems_inside_a_step_are_differentiated(make: Any):
    # Lineax holds what it factored; only its own derivative may be taken there.
    f = lambda z: jnp.sin(z["a"]) ** 2 + jnp.tanh(z["a"]) * z["b"] - jnp.cosh(z["b"]) + z["a"] ** 2 * held(z["b"])
    losses, rule = {"a": f, "b": f}, make("1/10")
    slope = jacobian(losses, {"a": 0.3, "b": 0.2}, rule=rule, maximizing=("b",)).dense()
    with working("float64"):
        stepper = reading(losses, rule, maximizing=("b",))
        at = lambda v: jnp.stack([*stepper.step({"a": v[0], "b": v[1]})[0].values()])
        here, tiny = jnp.asarray([0.3, 0.2]), 1e-5
        columns = [(at(here + tiny * e) - at(here - tiny * e)) / (2 * tiny) for e in jnp.eye(2)]
    np.testing.assert_allclose(slope, np.array(columns).T, atol=1e-8)


def test_held_values_inside_loops_branches_and_maps_vary():
    def loss(x: Any) -> Any:
        looped = jax.lax.scan(lambda c, _: (held(x) * c, None), x, None, length=2)[0]
        chosen = jax.lax.cond(x > 0, lambda v: held(v) * v, lambda v: v, x)
        return looped + chosen + jnp.sum(jax.vmap(lambda k: k * held(x) * x)(jnp.arange(3.0)))

    slope = lambda x: without_held(jax.grad(loss), x)
    # x^2 + x + 3 x, read with x held where it was: the slope is that value; its own derivative sees it all.
    assert float(slope(2.0)) == 4.0 + 2.0 + 6.0
    assert float(jax.grad(slope)(2.0)) == 4.0 + 1.0 + 3.0
    assert float(jax.jvp(slope, (2.0,), (1.0,))[1]) == 8.0
