"""Real models: modules with functions in them, optimisers as rules, auxiliary outputs, sharded arrays, every rule."""

from __future__ import annotations

import os
import subprocess
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import sympy as sp

from bilevel import rules as R
from bilevel.game import Game, maximize, minimize
from bilevel.language.errors import GameError
from bilevel.numeric import optimizer, reading
from bilevel.numeric.precision import prepared, working
from tests.rules.examples import examples

GENERATOR, CRITIC, DATA, NOISE = jax.random.split(jax.random.key(0), 4)


def modules():
    """An Equinox GAN: functions, integers, flags and a dropout rate stand among the leaves."""
    return {
        "generator": eqx.nn.MLP(2, 2, 8, 1, key=GENERATOR),
        "critic": eqx.nn.Sequential(
            [eqx.nn.Linear(2, 8, key=CRITIC), eqx.nn.Dropout(0.25), eqx.nn.Linear(8, 1, key=CRITIC)]
        ),
    }


def value(z, batch, key):
    noise = jax.random.normal(key, batch.shape)
    score = lambda x: jnp.mean(jax.vmap(lambda row: z["critic"](row, key=key)[0])(x))
    return (
        score(jax.vmap(z["generator"])(noise))
        - score(batch)
        + sum(jnp.sum(w**2) for w in jax.tree.leaves(eqx.filter(z["critic"], eqx.is_inexact_array)))
    )


BATCH = jax.random.normal(DATA, (16, 2))
WHOLE = {"generator": value, "critic": value}


def arrays(tree):
    return jax.tree.leaves(eqx.filter(tree, eqx.is_inexact_array))


def by_optax(params, states, transformations):
    """One simultaneous step as a person writes it with Equinox and Optax."""
    after, kept = dict(params), dict(states)
    for name, sign in (("generator", -1), ("critic", 1)):
        loss = lambda own, name=name, sign=sign: sign * value({**params, name: own}, BATCH, NOISE)
        slope = eqx.filter_grad(loss)(params[name])
        change, kept[name] = transformations[name].update(
            slope, states[name], eqx.filter(params[name], eqx.is_inexact_array)
        )
        after[name] = eqx.apply_updates(params[name], change)
    return after, kept


def test_optax_inside_a_rule_is_optax_by_hand():
    chosen = {
        "generator": optax.adam(optax.cosine_decay_schedule(1e-2, 5)),
        "critic": optax.chain(optax.clip_by_global_norm(0.5), optax.sgd(0.1, momentum=0.9)),
    }
    stepper, by_hand = reading(WHOLE, optimizer(chosen), maximizing=("generator",)), eqx.filter_jit(by_optax)
    params = hand = modules()
    state, states = (
        stepper.init(params),
        {n: t.init(eqx.filter(params[n], eqx.is_inexact_array)) for n, t in chosen.items()},
    )
    for _ in range(3):
        params, state = stepper.step(params, state, BATCH, NOISE)
        hand, states = by_hand(hand, states, chosen)
    for found, wanted in zip(arrays(params), arrays(hand)):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
    assert jax.tree.structure(state[0]) == jax.tree.structure(states)
    assert params["critic"].layers[1].p == 0.25 and params["generator"].activation is hand["generator"].activation


@pytest.mark.parametrize(
    "rule",
    [
        R.along(optimizer(optax.adam(1e-2)), R.consensus(1, "1/10")),
        R.averaged(optimizer(optax.adam(1e-2)), 2, "1/2"),
        R.projected(optimizer(optax.sgd(1e-2)), "-1/2", {"critic": "1/2"}),
        R.each({"generator": R.trailing(R.simultaneous("1/10"), "1/10"), "critic": optimizer(optax.lion(1e-2))}),
    ],
    ids=lambda rule: rule.name,
)
def test_optimisers_stand_inside_other_rules(rule):
    loss = lambda z: jnp.sum(z["generator"]["w"] @ z["critic"]) - jnp.sum(z["critic"] ** 4) + z["generator"]["b"] ** 2
    stepper = reading({"generator": loss, "critic": loss}, rule, maximizing=("critic",))
    params = {"generator": {"w": jnp.full((2, 3), 0.6), "b": jnp.float32(1)}, "critic": jnp.arange(3.0)}
    state = stepper.init(params)
    after, kept = stepper.step(params, state)
    assert jax.tree.structure(kept) == jax.tree.structure(state)
    assert all(np.isfinite(a).all() for a in arrays(after))
    assert all(not np.allclose(a, b) for a, b in zip(arrays(after), arrays(params)))
    if rule.name == "projected":
        assert max(float(jnp.max(jnp.abs(a))) for a in arrays(after["critic"])) == 0.5


def test_a_turn_of_adam_sees_the_turn_before_it():
    loss = lambda z: z["x"] * z["y"]
    rule = R.taking_turns(optimizer(optax.sgd(0.5)))
    stepper = reading({"x": loss, "y": loss}, rule, maximizing=("y",))
    start = {"x": jnp.float32(1), "y": jnp.float32(1)}
    after, _ = stepper.step(start, stepper.init(start))
    plain, _ = reading({"x": loss, "y": loss}, R.alternating("1/2"), maximizing=("y",)).step(start)
    assert after == plain


def test_auxiliary_outputs_come_from_before_the_step():
    loss = lambda z, shift: ((z["a"] - shift) ** 2, {"seen": z["a"]})
    stepper = reading({"a": loss}, R.extragradient("1/4"), has_aux=True)
    after, state, told = stepper.step({"a": 1.0}, (), 3.0)
    value, aux = told["a"]
    assert (float(value), float(aux["seen"]), state) == (4.0, 1.0, ())
    assert float(after["a"]) == 1.5  # 1 - (2 - 3)/2, the slope taken at 2


def test_players_of_one_loss_share_its_backward_pass():
    def by_hand(z):
        slope = jax.grad(loss)(z)
        return {"x": z["x"] - 0.1 * slope["x"], "y": z["y"] + 0.1 * slope["y"]}

    loss = lambda z: jnp.sum(jnp.tanh(z["x"] @ z["y"]))
    params = {"x": jnp.ones((30, 40)), "y": jnp.ones((40, 30))}
    stepper = reading({"x": loss, "y": loss}, R.simultaneous("1/10"), maximizing=("y",))
    cost = lambda f: jax.jit(f).lower(params).compile().cost_analysis()["flops"]
    assert cost(lambda z: stepper.step(z)[0]) <= 1.05 * cost(by_hand)
    np.testing.assert_allclose(stepper.step(params)[0]["y"], by_hand(params)["y"], rtol=1e-6)


def test_a_turn_costs_only_the_mover_its_gradient():
    # The gradients nobody uses are not computed: as many operations as the two gradients of the two moves.
    first = lambda z: jnp.sum(jnp.tanh(z["x"] @ z["y"]))
    second = lambda z: jnp.sum(jnp.sin(z["y"] @ z["x"]))
    params = {"x": jnp.ones((30, 40)), "y": jnp.ones((40, 30))}

    def by_hand(z):
        z = {**z, "x": z["x"] - 0.1 * jax.grad(lambda own: first({**z, "x": own}))(z["x"])}
        return {**z, "y": z["y"] - 0.1 * jax.grad(lambda own: second({**z, "y": own}))(z["y"])}

    stepper = reading({"x": first, "y": second}, R.alternating("1/10"))
    cost = lambda f: jax.jit(f).lower(params).compile().cost_analysis()["flops"]
    assert cost(lambda z: stepper.step(z)[0]) <= 1.05 * cost(by_hand)


U, V, W = sp.symbols("u v w", real=True)
SMALL = Game(p0=minimize(U**2 + U * V + U**2 * W, U), p1=minimize(2 * V**2 + W**2 - U * V + U * V * W, V, W))
EACH = R.each({"p0": R.consensus("1/10", "1/3"), "p1": R.heavy_ball("1/5", "1/3")})
CASES = [*((name, rules[0]) for name, rules in examples().items() if rules), ("each", EACH)]


@pytest.mark.parametrize("name, rule", CASES, ids=str)
def test_a_rule_on_nested_parameters_is_the_rule_on_the_variables(name, rule):
    # The same costs once as a game in variables, once as functions of two pytrees that hold the same numbers.
    read = lambda z: [z["p0"]["w"][0], z["p1"][0], z["p1"][1]["b"][0, 0]]
    costs = {player: sp.lambdify([U, V, W], SMALL.cost(player), "jax") for player in SMALL.players}
    nested = {player: lambda z, f=f: f(*read(z)) for player, f in costs.items()}
    flat, tree = reading(SMALL, rule), reading(nested, rule)

    def both(numbers):
        point = dict(zip("uvw", numbers))
        params = {"p0": {"w": numbers[:1], "size": 3}, "p1": [numbers[1], {"b": numbers[2].reshape(1, 1)}, None]}
        known, state = flat.init(point), tree.init(params)
        for _ in range(1 + bool(rule.memory)):
            point, known = flat.step(point, known)
            params, state = tree.step(params, state)
        assert params["p0"]["size"] == 3
        wanted = [[part[v] for v in "uvw"] for part in (point, *known)]
        return jnp.asarray([read(part) for part in (params, *state)]), jnp.asarray(wanted)

    with working("float64"):
        numbers = jnp.asarray([0.03, -0.02, 0.05])
        run, _ = prepared(both, numbers)
        np.testing.assert_allclose(*map(np.asarray, run(numbers)), rtol=1e-11, atol=1e-13)


def test_an_optimiser_on_a_game_in_symbols():
    x, y = sp.symbols("x y", real=True)
    game = Game(a=minimize(x * y, x), b=maximize(x * y, y))
    stepper = reading(game, optimizer({"a": optax.sgd(0.5), "b": optax.adam(0.1)}))
    after, state = stepper.step({x: 1.0, y: 1.0}, stepper.init({x: 1.0, y: 1.0}))
    assert set(after) == {x, y} and float(after[x]) == 0.5 and float(after[y]) == pytest.approx(1.1)
    again, _ = stepper.step(after, state)
    assert float(again[x]) == pytest.approx(-0.05, rel=1e-4)


def test_a_line_search_gets_the_players_own_cost():
    loss = lambda z: jnp.sum((z["a"]["w"] ** 2 - 1) ** 2) + jnp.sum(z["a"]["w"] * z["b"])
    start = {"a": {"w": jnp.asarray([0.5, 2.0])}, "b": jnp.asarray([0.3, 0.1])}
    search = optax.lbfgs()
    chosen = R.each({"a": optimizer({"a": search, "b": search}), "b": R.simultaneous(0)})
    stepper = reading({"a": loss, "b": loss}, chosen, maximizing=("b",))
    params, state = start, stepper.init(start)
    hand, known = start["a"], search.init(start["a"])
    alone = lambda own: loss({**start, "a": own})
    for _ in range(2):
        params, state = stepper.step(params, state)
        value, slope = jax.value_and_grad(alone)(hand)
        change, known = search.update(slope, known, hand, value=value, grad=slope, value_fn=alone)
        hand = optax.apply_updates(hand, change)
    np.testing.assert_allclose(params["a"]["w"], hand["w"], rtol=1e-5)
    with pytest.raises(GameError, match="descends no player's own loss"):
        along = reading({"a": loss, "b": loss}, R.along(optimizer(search), R.consensus(1, "1/10")))
        along.step(start, along.init(start))


def test_scanned_with_batches_and_keys():
    def loss(z, batch, key):
        return jnp.mean((batch - z["a"]["w"] * jax.random.normal(key, batch.shape)) @ z["b"]) - jnp.sum(z["b"] ** 2)

    params = {"a": {"w": jnp.ones(2)}, "b": jnp.ones(2)}
    stepper = reading({"a": loss, "b": loss}, optimizer(optax.adam(1e-2)), maximizing="b")
    batches, keys = jnp.stack([BATCH, 2 * BATCH, BATCH]), jax.random.split(NOISE, 3)
    (scanned, _), _ = jax.lax.scan(
        lambda carry, data: (stepper.step(*carry, *data), None), (params, stepper.init(params)), (batches, keys)
    )
    state = stepper.init(params)
    for batch, key in zip(batches, keys):
        params, state = stepper.step(params, state, batch, key)
    for found, wanted in zip(jax.tree.leaves(scanned), jax.tree.leaves(params)):
        np.testing.assert_allclose(found, wanted, rtol=1e-5)


SHARDED = """
import jax, jax.numpy as jnp, numpy as np, optax
from jax.sharding import NamedSharding, PartitionSpec as P
from bilevel import rules as R
from bilevel.numeric import answers, hypergradient, optimizer, reading
assert len(jax.devices()) == 4
kind = KIND
mesh = jax.make_mesh((4,), ("rows",), axis_types=(kind,))
jax.set_mesh(mesh)
cut, whole = NamedSharding(mesh, P("rows")), NamedSharding(mesh, P())
loss = lambda z, batch: jnp.mean((batch @ z["a"]) * z["b"][0]) + jnp.sum(z["a"] ** 2) - jnp.sum(z["b"] ** 2)
batch = np.random.default_rng(0).standard_normal((8, 400)).astype(np.float32)
params = {"a": jnp.linspace(-1.0, 1.0, 400), "b": jnp.ones(8)}
for rule in (R.competitive("1/100"), R.taking_turns(optimizer(optax.adam(1e-2)))):
    stepper = reading({"a": loss, "b": loss}, rule, maximizing=("b",))
    one, _ = stepper.step(params, stepper.init(params), batch)
    placed = {"a": jax.device_put(params["a"], cut), "b": jax.device_put(params["b"], whole)}
    many, _ = stepper.step(placed, stepper.init(placed), jax.device_put(batch, cut))
    np.testing.assert_allclose(many["a"], one["a"], rtol=2e-4, atol=1e-6)
    assert len(many["a"].sharding.device_set) == 4, rule.name
    assert not many["a"].sharding.is_fully_replicated, rule.name
inner = lambda z, batch: jnp.sum((z["b"] - jnp.mean(z["a"])) ** 2) + jnp.sum(z["b"] ** 4) / 10
levels = {"a": lambda z, batch: loss(z, batch) + jnp.sum(jnp.sin(z["b"])), "b": inner}
for ask in (lambda z, batch: hypergradient(levels, "a", at=z, arguments=(batch,)).value,
            lambda z, batch: answers(levels, "a", at=z, arguments=(batch,))["b"]):
    many = ask(placed, jax.device_put(batch, cut))
    np.testing.assert_allclose(many, ask(params, batch), rtol=2e-4, atol=1e-6)
"""


@pytest.mark.parametrize("kind", ["Auto", "Explicit"])
def test_sharded_over_several_devices(kind):
    flags = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=4"}
    program = SHARDED.replace("KIND", f"jax.sharding.AxisType.{kind}")
    done = subprocess.run([sys.executable, "-c", program], env=flags, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]


def test_an_unsolved_system_is_nan_and_not_a_number():
    # The follower's cost is flat in its second coordinate and the leader's is not: no finite answer exists.
    losses = {"a": lambda z: z["a"] * z["b"][0] + z["b"][1], "b": lambda z: z["b"][0] ** 2 + z["a"] * z["b"][0]}
    params = {"a": jnp.float32(1), "b": jnp.ones(2)}
    after, _ = reading(losses, R.stackelberg("1/10", leader="a")).step(params)
    assert np.isnan(after["a"]) and np.isfinite(after["b"]).all()


def test_bfloat16_stays():
    after, _ = reading({"a": lambda z: jnp.sum(z["a"] ** 2)}, R.extragradient("1/4")).step(
        {"a": jnp.ones(3, jnp.bfloat16)}
    )
    assert after["a"].dtype == jnp.bfloat16


X, Y = sp.symbols("x y", real=True)
BILINEAR = Game(a=minimize(X * Y, X), b=maximize(X * Y, Y))


@pytest.mark.parametrize(
    "ask, word",
    [
        (lambda: R.derive(BILINEAR, optimizer(optax.sgd(1.0))), "no formula"),
        (lambda: R.linearise(BILINEAR, R.taking_turns(optimizer(optax.sgd(1.0))), {X: 0, Y: 0}), "no formula"),
        (lambda: reading(BILINEAR, optax.sgd(1.0)), "optimizer"),
        (lambda: optimizer(1e-3), "optax.adam"),
        (lambda: optimizer({"a": optax.sgd(1.0), "b": 3}), "got int"),
        (lambda: reading(BILINEAR, optimizer({"a": optax.sgd(1.0)})).init({X: 1.0, Y: 1.0}), "the players are a, b"),
        (lambda: reading({"a": lambda z: z["a"]}, R.simultaneous(1)).step({"a": jnp.ones(3)}), "one number"),
        (lambda: reading({"a": lambda z: (z["a"], 1)}, R.simultaneous(1)).step({"a": 1.0}), "has_aux=True"),
        (lambda: reading({"a": lambda z: z["a"]}, R.simultaneous(1), has_aux=True).step({"a": 1.0}), "loss, aux"),
        (lambda: reading({"a": lambda z: z["a"]}, R.simultaneous(1)).step({"a": 1}), "write 1.0"),
        (lambda: reading({"a": lambda z: 0.0}, R.simultaneous(1)).step({"a": {"f": jax.nn.relu}}), "no floating-point"),
        (lambda: reading({"a": lambda z: 0.0}, R.simultaneous(1)).step({"a": jnp.ones(2, complex)}), "complex"),
        (lambda: reading({"a": lambda z: 0.0}, R.simultaneous(1)).step(jnp.ones(2)), "players are a"),
        (lambda: reading(lambda z: 0.0, R.simultaneous(1)), "table of functions"),
    ],
)
def test_what_is_wrong_is_said(ask, word):
    with pytest.raises(GameError, match=word):
        ask()
