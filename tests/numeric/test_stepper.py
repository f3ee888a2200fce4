"""Rules on pytrees: jit, scan, vmap, precision, mapped step sizes, losses with data; trajectories and export."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

from bilevel import rules as R
from bilevel.game import Game, maximize, minimize
from bilevel.language.errors import GameError
from bilevel.models import gan
from bilevel.numeric import JaxField, jax_function, reading, realise, simulate, stablehlo

x, y = sp.symbols("x y", real=True)
h, gamma = sp.symbols("h gamma", positive=True)
BILINEAR = Game(a=minimize(x * y, x), b=maximize(x * y, y))
LOSSES = {
    "generator": lambda z: jnp.sum(z["generator"]["w"] @ z["critic"][0]) + jnp.sum(z["generator"]["b"] ** 2),
    "critic": lambda z: (
        jnp.sum(z["generator"]["w"] @ z["critic"][0]) - jnp.sum(z["critic"][1] ** 4) - jnp.sum(z["critic"][0] ** 2)
    ),
}


def parameters(dtype=np.float32):
    source = np.random.default_rng(0)
    draw = lambda *shape: jnp.asarray(source.standard_normal(shape).astype(dtype))
    return {"generator": {"w": draw(2, 3), "b": draw(2)}, "critic": [draw(3), draw(2, 2)]}


@pytest.mark.parametrize(
    "rule",
    [
        R.simultaneous("1/10"),
        R.extragradient("1/10"),
        R.adam("1/10"),
        R.consensus("1/10", "1/2"),
        R.competitive("1/10"),
        R.proximal_point("1/10"),
        R.optimistic("1/10"),
        R.lola("1/10"),
        R.stackelberg("1/10"),
    ],
    ids=lambda rule: rule.name,
)
def test_every_kind_of_rule_trains_pytrees_under_jit(rule):
    stepper = reading(LOSSES, rule, maximizing=("critic",))
    params = parameters()
    after, state = jax.jit(stepper.step)(params, stepper.init(params))
    assert jax.tree.structure(after) == jax.tree.structure(params)
    assert all(
        a.dtype == b.dtype and a.shape == b.shape for a, b in zip(jax.tree.leaves(after), jax.tree.leaves(params))
    )
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((after, state)))


def test_it_is_the_hand_written_rule():
    params = parameters()
    stepper = reading(LOSSES, R.alternating("1/10"), maximizing=("critic",))
    after, _ = stepper.step(params)
    slope = jax.grad(LOSSES["generator"])(params)["generator"]
    moved = {**params, "generator": jax.tree.map(lambda a, s: a - 0.1 * s, params["generator"], slope)}
    rise = jax.grad(LOSSES["critic"])(moved)["critic"]
    moved["critic"] = jax.tree.map(lambda a, s: a + 0.1 * s, params["critic"], rise)
    for found, wanted in zip(jax.tree.leaves(after), jax.tree.leaves(moved)):
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_no_more_operations_than_by_hand():
    # The traced program of a jitted step is the hand-written one: the rule costs nothing at run time.
    stepper = reading(LOSSES, R.simultaneous("1/10"), maximizing=("critic",))

    def by_hand(z):
        slopes = {
            "generator": jax.grad(lambda own: LOSSES["generator"]({**z, "generator": own}))(z["generator"]),
            "critic": jax.grad(lambda own: -LOSSES["critic"]({**z, "critic": own}))(z["critic"]),
        }
        return jax.tree.map(lambda a, s: a - 0.1 * s, z, slopes)

    flops = [
        jax.jit(f).lower(parameters()).compile().cost_analysis()["flops"]
        for f in (lambda z: stepper.step(z)[0], by_hand)
    ]
    assert flops[0] <= 1.05 * flops[1]


def test_scan_and_vmap_over_step_sizes():
    stepper = reading(BILINEAR, R.simultaneous(h))

    def final(step):
        turn = lambda state, _: (stepper.step(*state, values={"h": step}), None)
        (last, _), _ = jax.lax.scan(turn, ({"x": 1.0, "y": 0.0}, ()), None, length=3)
        return last["x"] ** 2 + last["y"] ** 2

    sizes = jnp.asarray([0.0, 0.5, 1.0])
    np.testing.assert_allclose(jax.vmap(final)(sizes), (1 + sizes**2) ** 3, rtol=1e-6)
    np.testing.assert_allclose(jax.grad(final)(0.5), 3 * (1 + 0.25) ** 2, rtol=1e-5)


def test_float64_inside_the_context_and_float32_outside():
    stepper = reading(BILINEAR, R.extragradient("1/3"))
    assert stepper.step({"x": jnp.float32(1), "y": jnp.float32(1)})[0]["x"].dtype == np.float32
    with jax.enable_x64(True):
        assert stepper.step({"x": jnp.float64(1), "y": jnp.float64(1)})[0]["x"].dtype == np.float64


def test_losses_with_data_and_memory():
    loss = lambda z, batch: jnp.mean((z["a"] - batch) ** 2)
    stepper = reading({"a": loss}, R.heavy_ball("1/10", "1/2"))
    params, state = {"a": jnp.float32(0)}, stepper.init({"a": jnp.float32(0)})
    for _ in range(60):
        params, state = stepper.step(params, state, jnp.asarray([1.0, 3.0]))
    assert float(params["a"]) == pytest.approx(2.0, abs=1e-3)


def test_model_level_games_are_trained():
    game = gan("non-saturating")
    made = realise(*(player.loss for player in game.players.values()), dtype="float32")
    stepper = reading(game, R.alternating("1/10"), realisation=made)
    point = {name: made.values[name] for name in ("phi", "theta")}
    after, _ = jax.jit(stepper.step)(point)
    assert after["phi"].shape == point["phi"].shape and not np.allclose(after["phi"], point["phi"])


def test_large_systems_are_solved_without_a_matrix():
    size = 300  # beyond the dense limit
    scale = jnp.linspace(1.0, 2.0, size)
    losses = {"a": lambda z: jnp.sum(scale * z["a"] ** 2) / 2}
    after, _ = reading(losses, R.proximal_point("1/2")).step({"a": jnp.ones(size)})
    np.testing.assert_allclose(after["a"], 1 / (1 + scale / 2), rtol=1e-4)


def test_a_field_answers_what_rules_ask():
    field = JaxField({"a": lambda z: z["a"][0] ** 2 * z["b"][0], "b": lambda z: z["b"][0] ** 3 + z["a"][0]})
    z, v = field.point({"a": (2.0,), "b": (3.0,)}), field.point({"a": (1.0,), "b": (10.0,)})
    numbers = lambda point: [float(leaf.array) for leaf in point.leaves()]
    assert numbers(field(z)) == [12.0, 27.0]
    assert numbers(field.jvp(z, v)) == [6 + 40.0, 180.0]
    assert numbers(field.vjp(z, v)) == [6.0, 4 + 180.0]
    assert numbers(field.gradient(z, of="a")) == [12.0, 4.0]
    assert numbers(field.gradient(z, of="a", wrt="b")) == [0.0, 4.0]
    solved = field.solve(lambda u: field.jvp(z, u).only("b"), v.only("b"), on=("b",))
    assert numbers(solved) == pytest.approx([0.0, 10 / 18])


@pytest.mark.parametrize(
    "ask, word",
    [
        (lambda: reading(BILINEAR, R.simultaneous(h)).step({"x": 1.0, "y": 1.0}), "value for h"),
        (lambda: reading(BILINEAR, R.simultaneous(1)).step({"x": 1.0}), "variables are x, y"),
        (lambda: reading(LOSSES, R.simultaneous(1)).step({"critic": 1.0}), "players are"),
        (lambda: reading(LOSSES, R.simultaneous(1), maximizing=("nobody",)), "nobody"),
        (lambda: reading(LOSSES, lambda z: z), "needs a rule"),
        (lambda: reading(BILINEAR, R.heavy_ball(1, 0)).step({"x": 1.0, "y": 1.0}), "init"),
        (lambda: reading(gan(), R.simultaneous(1)), "realisation"),
        (lambda: simulate(BILINEAR, R.flow(), {"x": 1, "y": 1}, 3), "time_step"),
        (lambda: simulate(BILINEAR, R.simultaneous(1), {"x": 1, "y": 1}, -1), "whole number"),
        (lambda: jax_function(R.derive(gan(), R.simultaneous(1))), "scalar variables"),
        (lambda: jax_function(R.derive(BILINEAR, R.simultaneous(h)))(1.0, 2.0), "check h"),
    ],
)
def test_what_is_missing_is_said(ask, word):
    with pytest.raises(GameError, match=word):
        ask()


def test_trajectories_follow_the_closed_form():
    step = 0.3
    path = simulate(BILINEAR, R.alternating(h), {x: [1.0, 0.5], y: 0.0}, 20, {h: step})
    assert path["x"].shape == (21, 2) and path["x"].dtype == np.float64
    matrix = np.array([[1, -step], [step, 1 - step**2]])
    wanted = np.linalg.matrix_power(matrix, 20) @ np.array([1.0, 0.0])
    np.testing.assert_allclose([path["x"][-1, 0], path["y"][-1, 0]], wanted, rtol=1e-13)


def test_flows_are_integrated_to_fourth_order():
    errors = []
    for count in (20, 40):
        path = simulate(BILINEAR, R.flow(), {x: 1.0, y: 0.0}, count, time_step=2.0 / count)
        errors.append(np.hypot(path["x"][-1] - np.cos(2.0), path["y"][-1] - np.sin(2.0)))
    assert errors[0] / errors[1] == pytest.approx(16, rel=0.1)


def test_exported_updates_agree_with_plain_python():
    loss = lambda t: -sp.log(1 + sp.exp(-t))
    game = Game(a=minimize(loss(x * y), x), b=maximize(loss(x * y) - gamma / 2 * y**2, y))
    update = R.derive(game, R.heavy_ball(h, sp.Rational(1, 2), alternating=True))
    space: dict = {}
    exec(update.python(), space)
    point, given = (0.3, -0.4, 0.2, 0.1), {"h": 0.7, "gamma": 0.3}
    with jax.enable_x64(True):
        found = jax_function(update)(*point, **given)
    np.testing.assert_allclose(found, space["step"](*point, **given), rtol=1e-14)


def test_stablehlo_of_a_derived_update():
    update = R.derive(BILINEAR, R.extragradient(h))
    text = stablehlo(update, dtype="float32")
    assert "stablehlo.multiply" in text and text.count("tensor<f32>") > 5
    try:
        import flatbuffers  # noqa: F401
    except ImportError:
        with pytest.raises(GameError, match="flatbuffers"):
            stablehlo(update, serialized=True)
    else:
        from jax import export

        again = export.deserialize(bytearray(stablehlo(update, dtype="float32", serialized=True)))
        np.testing.assert_allclose(again.call(1.0, 0.0, 0.5), (0.75, 0.5))
