"""Hypergradients on arrays against the formulas, against closed forms, and against finite differences of the value."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

from bilevel import rules as R
from bilevel.analysis.hypergradient import bias, truncated
from bilevel.analysis.hypergradient import hypergradient as formula
from bilevel.game import Game, maximize, minimize
from bilevel.language.errors import GameError
from bilevel.numeric import answers, hypergradient, implicit, lower, one_step, reading
from bilevel.numeric.precision import prepared, working
from bilevel.response import anticipated, best_response, unrolled

Q = sp.Rational
X, Y, Z, V = sp.symbols("x y z v", real=True)
TWO = Game(
    outer=maximize(X * Y - X**2 * V + sp.sin(Y) * V, X),
    inner=minimize(2 * Y**2 + V**2 + Y * V - X * Y + X**2 * V / 3 + Y**3 / 5, Y, V),
)
THREE = Game(
    top=minimize(X**2 * Y + sp.sin(X * Z) + Z**2, X),
    middle=minimize(Y**2 - X * Y + Y * Z + Z**2 / 2, Y, through={"bottom": best_response()}),
    bottom=maximize(X * Z - Z**2 - Z**4 / 7 + Y * Z, Z),
)
WAYS = [
    best_response(),
    unrolled(2, Q(1, 5)),
    unrolled(12, Q(1, 9)),
    truncated(3, 1, Q(1, 5)),
    truncated(11, 0, Q(1, 9)),
    one_step(Q(1, 4)),
    anticipated(Q(1, 5)),
]
POINT = {"x": 0.3, "y": -0.2, "v": 0.4, "z": 0.1}


def at_point(formulas, game):
    """Expressions at the point, in float64, by the lowered formula."""
    inputs = list(game.variables)
    return [float(lower(f, inputs)(*(POINT[str(v)] for v in inputs))) for f in formulas]


@pytest.mark.parametrize("how", WAYS, ids=str)
def test_it_is_the_formula(how):
    if getattr(how, "steps", 0) == 12:
        slow = unrolled(12, Q(1, 9))  # a polynomial of degree 2^12 is no formula: by one affine follower instead
        game = Game(outer=minimize(X * Y + Y**2, X), inner=minimize(2 * Y**2 - X * Y, Y))
        found, wanted = _both(game, "outer", slow)
    else:
        found, wanted = _both(TWO, "outer", how)
    assert found == pytest.approx(wanted, rel=1e-12)


def _both(game, leader, how):
    with working("float64"):
        point = {str(v): jnp.asarray(POINT[str(v)]) for v in game.variables}
        run, _ = prepared(lambda at: hypergradient(game, leader, how, at=at).value, point)
        found = [float(a) for a in run(point).values()]
    return found, at_point(formula(game, leader, how).values(), game)


@pytest.mark.parametrize("how", [best_response(), unrolled(2, Q(1, 5)), truncated(2, 1, Q(1, 5))], ids=str)
def test_three_levels(how):
    found, wanted = _both(THREE, "top", how)
    assert found == pytest.approx(wanted, rel=1e-12)


def split(z):
    """The game's variables out of two pytrees with other things in them."""
    return {X: z["outer"][0], Y: z["inner"]["y"][0], V: z["inner"]["v"]}


NESTED = {
    name: (lambda z, f=sp.lambdify([X, Y, V], TWO[name].loss, "jax"): f(*split(z).values())) for name in TWO.players
}


def trees():
    """The point as pytrees, in the precision at work."""
    return {
        "outer": [jnp.asarray(0.3), "a name"],
        "inner": {"y": jnp.asarray([-0.2]), "v": jnp.asarray(0.4), "n": 3},
    }


@pytest.mark.parametrize(
    "how",
    [implicit(), implicit("dense"), implicit("gmres"), implicit("cg"), implicit("neumann", steps=300, step="1/4")],
)
def test_every_solver_on_pytrees(how):
    with working("float64"):
        found = hypergradient(NESTED, "outer", how, at=trees(), maximizing=("outer",)).value
        assert found[1] is None  # a name does not move
    (wanted,) = at_point(formula(TWO, "outer").values(), TWO)
    assert float(found[0]) == pytest.approx(wanted, rel=1e-9)


def test_few_terms_of_neumann_are_its_formula():
    matrix = sp.hessian(TWO["inner"].cost, (Y, V))
    pull = sp.Matrix([sp.diff(TWO["outer"].cost, v) for v in (Y, V)])
    weights = sum(((sp.eye(2) - matrix / 4) ** k * pull / 4 for k in range(3)), sp.zeros(2, 1))
    mixed = sp.Matrix([[sp.diff(TWO["inner"].cost, v, X) for v in (Y, V)]])
    (wanted,) = at_point([sp.diff(TWO["outer"].cost, X) - (mixed * weights)[0]], TWO)
    with working("float64"):
        found = hypergradient(TWO, "outer", implicit("neumann", steps=3, step="1/4"), at=POINT_OF_TWO).value
    assert float(found["x"]) == pytest.approx(wanted, rel=1e-12)


POINT_OF_TWO = {name: POINT[name] for name in "xyv"}
QUADRATIC = Game(outer=minimize(X * Y + Y**2 / 2, X), inner=minimize(2 * Y**2 - X * Y + Y, Y))


@pytest.mark.parametrize(
    "how", [implicit(), unrolled(3, Q(1, 8)), truncated(3, 1, Q(1, 8)), one_step(Q(1, 8))], ids=str
)
def test_the_bias_in_floats_is_the_bias_in_symbols(how):
    plain = {
        n: (lambda z, f=sp.lambdify([X, Y], QUADRATIC[n].loss): f(z["outer"], z["inner"])) for n in QUADRATIC.players
    }
    wanted = [
        float(value.subs({X: Q(3, 10), Y: Q(-1, 5)})) for value in bias(QUADRATIC, "outer", _symbolic(how)).values()
    ]
    with working("float64"):
        symbols = hypergradient(QUADRATIC, "outer", how, at={X: 0.3, Y: -0.2})
        floats = hypergradient(plain, "outer", how, at={"outer": 0.3, "inner": -0.2})
        assert symbols.bias.known.startswith("exact") and floats.bias.known.startswith("float")
        assert float(symbols.bias.value["x"]) == pytest.approx(wanted[0], rel=1e-12)
        assert float(floats.bias.value) == pytest.approx(wanted[0], rel=1e-12)
        assert "bias" in str(floats) and f"{abs(wanted[0]):.2g}" in str(floats)


def _symbolic(how):
    return best_response() if isinstance(how, type(implicit())) else how


def test_at_the_answers_the_implicit_one_is_the_derivative_of_the_value():
    with working("float64"):
        value = jax.jit(lambda x: NESTED["outer"](answers(NESTED, "outer", at={**trees(), "outer": [x, "a name"]})))
        at = answers(NESTED, "outer", at=trees())
        found = hypergradient(NESTED, "outer", at=at)
        step = 1e-5
        slope = (value(0.3 + step) - value(0.3 - step)) / (2 * step)
        assert float(found.value[0]) == pytest.approx(float(slope), rel=1e-8)
        assert found.residual < 1e-14 and found.bias.size < 1e-14


def test_ridge_regression_has_its_closed_form():
    source = np.random.default_rng(0)
    train, test = source.standard_normal((80, 50)), source.standard_normal((40, 50))
    seen, unseen = source.standard_normal(80), source.standard_normal(40)

    def inner(z):
        return jnp.sum((train @ z["w"] - seen) ** 2) / 2 + jnp.exp(z["log"]) * jnp.sum(z["w"] ** 2) / 2

    losses = {"log": lambda z: jnp.sum((test @ z["w"] - unseen) ** 2) / 2, "w": inner}

    @jax.jit
    def slope(log):
        at = answers(losses, "log", at={"log": log, "w": jnp.zeros(50)})
        return hypergradient(losses, "log", at=at).value

    with working("float64"):
        found = float(slope(jnp.asarray(0.5)))
    matrix = train.T @ train + np.exp(0.5) * np.eye(50)
    weights = np.linalg.solve(matrix, train.T @ seen)
    moved = -np.linalg.solve(matrix, np.exp(0.5) * weights)
    assert found == pytest.approx(float(test.T @ (test @ weights - unseen) @ moved), rel=1e-12)


@pytest.mark.parametrize("solver", ["auto", "cg"])
def test_many_parameters_are_solved_without_a_matrix(solver):
    curve = jnp.linspace(1.0, 3.0, 300)
    losses = {
        "x": lambda z: jnp.sum(z["w"]["a"] ** 2) / 2,
        "w": lambda z: jnp.sum(curve * z["w"]["a"] ** 2) / 2 - z["x"] * jnp.sum(z["w"]["a"]),
    }

    def slope(x):
        at = answers(losses, "x", at={"x": x, "w": {"a": jnp.zeros(300)}}, solver=solver)
        return hypergradient(losses, "x", implicit(solver), at=at).value

    run, _ = prepared(slope, jnp.float32(2))
    assert float(run(jnp.float32(2))) == pytest.approx(float(jnp.sum(2 / curve**2)), rel=1e-4)


def test_replies_of_plain_losses_are_those_of_the_game():
    game = Game(
        outer=minimize(X * Y + Y**2, X, through={"inner": best_response()}), inner=minimize(2 * Y**2 - X * Y, Y)
    )
    plain = {n: (lambda z, f=sp.lambdify([X, Y], game[n].loss): f(z["outer"], z["inner"])) for n in game.players}
    through = {"outer": {"inner": best_response()}}
    one, _ = reading(game, R.simultaneous("1/10")).step({X: 1.0, Y: 2.0})
    two, _ = reading(plain, R.simultaneous("1/10"), through=through).step({"outer": 1.0, "inner": 2.0})
    assert [float(a) for a in one.values()] == pytest.approx([float(a) for a in two.values()], rel=1e-6)


FLAT = {"outer": lambda z: z["inner"], "inner": lambda z: z["inner"] * z["outer"]}


def test_no_answer_is_said_to_be_unknown():
    found = hypergradient(FLAT, "outer", unrolled(2, "1/2"), at={"outer": 1.0, "inner": 2.0})
    assert found.bias.size is None and found.bias.known.startswith("unknown")
    assert np.isnan(answers(FLAT, "outer", at={"outer": 1.0, "inner": 2.0})["inner"])


@pytest.mark.parametrize(
    "ask, word",
    [
        (lambda: implicit("qr"), "one of auto"),
        (lambda: implicit("neumann"), "terms and a step"),
        (lambda: implicit("cg", steps=0), "whole number"),
        (lambda: hypergradient(FLAT, "nobody", at={"outer": 1.0, "inner": 2.0}), "nobody is called nobody"),
        (lambda: hypergradient(FLAT, "outer", followers="outer", at={"outer": 1.0, "inner": 2.0}), "leads other"),
        (lambda: hypergradient(FLAT, "outer", at={"outer": 1.0}), "players are outer, inner"),
        (lambda: reading(FLAT, R.flow(), through={"outer": {"nobody": best_response()}}), "through names nobody"),
        (lambda: reading(QUADRATIC, R.flow(), through={"outer": {"inner": best_response()}}), "declare their replies"),
    ],
)
def test_what_is_wrong_is_said(ask, word):
    with pytest.raises(GameError, match=word):
        ask()
