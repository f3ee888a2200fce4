"""Diagnoses: exact thresholds come out again, by two roads; words fit the numbers."""

from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

from bilevel import Game, maximize, minimize, rules, stability
from bilevel.language.errors import GameError
from bilevel.models import dirac_gan
from bilevel.numeric import diagnose
from bilevel.numeric.diagnose_steps import Tolerated, tolerated
from bilevel.numeric.effort import Effort
from bilevel.numeric.linear_game import NotLinear, step_matrix
from bilevel.rules.protocol.linear import linearise
from bilevel.rules.protocol.scaling import with_steps_scaled

x, y = sp.symbols("x y", real=True)
h, s = sp.symbols("h s", positive=True)
SPIRAL = Game(a=minimize(x**2 / 4 + x * y, x), b=minimize(y**2 / 20 - x * y, y))
FUNCTIONS = {"a": lambda z: z["a"] ** 2 / 4 + z["a"] * z["b"], "b": lambda z: z["b"] ** 2 / 20 - z["a"] * z["b"]}
ORIGIN = {"a": 0.0, "b": 0.0}
MAKERS = {
    "simultaneous": rules.simultaneous,
    "alternating": rules.alternating,
    "extragradient": rules.extragradient,
    "optimistic": rules.optimistic,
    "heavy_ball": lambda step: rules.heavy_ball(step, "-1/2"),
    "runge_kutta": rules.runge_kutta,
    "consensus": lambda step: rules.consensus(step, "1/2"),
    "lola": rules.lola,
    "averaged": lambda step: rules.averaged(rules.alternating(step), 3),
    "follow_the_ridge": rules.follow_the_ridge,
    "target_copies": lambda step: rules.target_copies(step, "1/2"),
    "adam": lambda step: rules.adam(step, frozen=1),
}


@pytest.fixture(scope="module")
def dirac():
    return {k: diagnose(dirac_gan(penalty="R1"), {"theta": 0, "psi": 0}, rules.alternating(k), values={"gamma": 1})
            for k in (1, 2)}  # fmt: skip


def test_the_dirac_gan_gives_back_its_exact_threshold(dirac):
    # h^2/4 + 2 gamma h < 4 with gamma = 1: h < 4 (sqrt 2 - 1)
    for step, found in dirac.items():
        assert sp.simplify(found.grows_above * step - 4 * (sp.sqrt(2) - 1)) == 0
        assert found.step.known == found.point.known == "exact"
    assert "local minimax (strict)" in dirac[1].point.claim


def test_remedies_of_a_symbolic_game_are_decided_exactly(dirac):
    unstable = next(r for r in dirac[2].remedies if r.change == "as it is")
    assert unstable.known == "exact" and unstable.converges is False and unstable.modulus > 1
    assert dirac[2].remedies[0].converges is True and dirac[2].remedies[0].modulus < 1


@pytest.mark.parametrize("name", MAKERS)
def test_the_tolerated_step_is_the_exact_one(name):
    # by bisection on products, from losses given as functions; and by Schur's test, from the symbols
    make = MAKERS[name]
    edge = stability(SPIRAL, make(h), at={x: 0, y: 0}).solve(h).as_set().sup
    found = steps_of(make(sp.Rational(1, 10)))
    assert found.grows_above == pytest.approx(10 * float(edge), rel=1e-9)
    assert found.converges_below == pytest.approx(10 * float(edge), rel=1e-9)


def steps_of(rule, losses=FUNCTIONS, at=ORIGIN):
    from bilevel.numeric.diagnose_steps import SCALE, StepScale
    from bilevel.numeric.spectra_operator import flat_step

    scaled = with_steps_scaled(rule, sp.Symbol(SCALE, positive=True))
    choices = {"values": {SCALE: 1.0}, "maximizing": (), "realisation": None}
    return tolerated(StepScale(flat_step(losses, at, (), scaled, None, None, **choices), 6, 0, Effort()))


def test_growth_hidden_in_rounding_is_not_taken_for_stability():
    turning = {"a": lambda z: z["a"] * z["b"], "b": lambda z: -z["a"] * z["b"]}
    assert steps_of(rules.simultaneous(1), turning) == Tolerated(None, 0.0, note=steps_of(
        rules.simultaneous(1), turning).note)  # fmt: skip
    circling = steps_of(rules.alternating(1), turning)  # on the circle up to h = 2, exactly
    assert circling.converges_below is None and circling.grows_above == pytest.approx(2, rel=1e-6)


def test_what_the_flow_leaves_no_step_repairs():
    saddle = {"a": lambda z: -(z["a"] ** 2) / 200 + 10 * z["c"] ** 2 + 0 * z["a"], "c": lambda z: 10 * z["c"] ** 2}
    found = diagnose(saddle, {"a": 0.0, "c": 0.0}, rules.simultaneous("1/20"))
    assert found.converges_below is None
    assert found.grows_above == pytest.approx(2)  # 1 - s/20 * 20 = -1
    assert "flow itself leaves" in found.step.claim and "no Nash point: a" in found.point.claim


def test_words_name_what_grows():
    turning = {"a": lambda z: z["a"] * z["b"], "b": lambda z: -z["a"] * z["b"]}
    circles = diagnose(turning, ORIGIN, rules.simultaneous("1/10"))
    assert "goes round" in circles.rotation.claim and "growing" in circles.rotation.claim
    assert circles.rotation.numbers["antisymmetric share"] == pytest.approx(1)
    steep = {"a": lambda z: 15 * z["a"] ** 2, "b": lambda z: z["b"] ** 2}
    flips = diagnose(steep, ORIGIN, rules.simultaneous("1/10"))
    assert "flips its sign" in flips.rotation.claim and "in a 100%" in flips.rotation.claim
    assert "differential Nash (strict)" in flips.point.claim
    assert json.loads(json.dumps(flips.data()))["players"] == {"a": 1, "b": 1}
    assert all(len(line) <= 120 for line in str(flips).splitlines())


def test_a_point_that_does_not_stand_still_is_called_so():
    found = diagnose(FUNCTIONS, {"a": 1.0, "b": 1.0}, rules.simultaneous("1/10"))
    assert found.point.claim.startswith("not a stationary point")


def test_a_block_with_held_values_is_no_hessian():
    held = jax.lax.stop_gradient
    target = jnp.array([[0.0, 0.5], [0.1, 0.0]])
    critic = lambda z: jnp.sum((z["w"] - held(target @ z["w"])) ** 2) / 2
    found = diagnose({"w": critic}, {"w": np.zeros(2)}, rules.simultaneous("1/2"))
    assert "no Hessian" in found.tests[0].claim and "Nash" not in found.point.claim
    assert found.tests[0].numbers["lowest"] == pytest.approx(1 - np.sqrt(0.05))


def test_a_large_game_is_diagnosed_like_a_small_one():
    # the same two modes, once alone and once among 400 quick ones
    n = 200
    stiff = jnp.linspace(0.3, 1.0, n - 1)
    first = lambda z: {name: block[0] for name, block in z.items()}
    large = {name: lambda z, name=name, loss=loss: loss(first(z)) + jnp.sum(stiff * z[name][1:] ** 2) / 2
             for name, loss in FUNCTIONS.items()}  # fmt: skip
    rule = rules.simultaneous("1/2")
    found = diagnose(large, {"a": np.zeros(n), "b": np.zeros(n)}, rule, count=4, measure=1)
    assert found.map.method == "Krylov"
    assert found.grows_above == pytest.approx(steps_of(rule).grows_above, rel=1e-2)
    best = found.remedies[0]
    assert best.measured == pytest.approx(best.modulus, rel=1e-3)


def many(n):
    """A game of 2 n variables, two of which turn."""
    stiff = jnp.linspace(0.3, 1.0, n - 1)
    first = lambda z: {name: block[0] for name, block in z.items()}
    losses = {name: lambda z, name=name, loss=loss: loss(first(z)) + jnp.sum(stiff * z[name][1:] ** 2) / 2
              for name, loss in FUNCTIONS.items()}  # fmt: skip
    return losses, {"a": np.zeros(n), "b": np.zeros(n)}


def test_the_limit_on_products_is_kept_and_what_it_leaves_open_says_so():
    losses, at = many(1000)
    seen = []
    short = diagnose(losses, at, rules.simultaneous("1/2"), products=420, count=4, progress=lambda *p: seen.append(p))
    assert short.products <= 450 and short.limit == 420 and "of 420 allowed" in str(short)
    assert "limit on products" in str(short) and "products=" in str(short)
    assert seen[-1] == (420, 420) and all(done < of for done, of in seen[:-1])
    whole = diagnose(losses, at, rules.simultaneous("1/2"), count=4)
    assert whole.products < 4000 and "limit" not in whole.step.why
    assert whole.grows_above == pytest.approx(steps_of(rules.simultaneous("1/2")).grows_above, rel=5e-3)
    if short.step.numbers:  # a prediction is called one, and is that of the whole
        assert short.grows_above is None and "not measured" in short.step.why
        assert short.step.numbers["predicted"] == pytest.approx(whole.grows_above, rel=1e-2)
    with pytest.raises(GameError, match="at least 400 products"):
        diagnose(losses, at, rules.simultaneous("1/2"), products=10)


def test_modes_that_the_flow_takes_away_do_not_hide_one_that_overshoots():
    # thirty directions of ascent, more than eigenvalues are asked for, and one steep one: 1 - s/10 * 30 = -1
    n = 1000
    away = jnp.concatenate([-jnp.linspace(20.0, 25.0, 30), jnp.linspace(0.1, 1.0, n - 31), jnp.array([30.0])])
    losses = {name: lambda z, name=name: jnp.sum(away * z[name] ** 2) / 2 for name in ("a", "b")}
    found = diagnose(losses, {"a": np.zeros(n), "b": np.zeros(n)}, rules.simultaneous("1/10"), count=4, measure=0)
    assert found.converges_below is None and "flow itself leaves" in found.step.claim
    assert found.grows_above == pytest.approx(2 / 3, rel=5e-3)


LINEAR = [
    rules.extragradient("1/3"),
    rules.optimistic("1/4", alternating=True),
    rules.proximal_point("1/2"),
    rules.competitive("1/2"),
    rules.lola("1/5"),
    rules.chambolle_pock("1/3", 1),
    rules.stackelberg("1/4"),
]


@pytest.mark.parametrize("rule", LINEAR, ids=lambda rule: rule.name)
def test_a_linear_game_gives_every_rule_its_linear_reading(rule):
    exact = linearise(SPIRAL, rule, {x: 0, y: 0}).matrix
    field = np.array(SPIRAL.jacobian(), dtype=float)
    assert np.allclose(step_matrix(rule, field, {"a": 1, "b": 1}, {}), np.array(exact, dtype=float))


def test_a_rule_that_is_not_linear_is_not_read_as_if_it_were():
    with pytest.raises(NotLinear):
        step_matrix(rules.adam("1/10", epsilon=1), np.eye(2), {"a": 1, "b": 1}, {})


def test_mistakes_are_answered_in_the_callers_words():
    with pytest.raises(GameError, match="diagnose needs a rule"):
        diagnose(FUNCTIONS, ORIGIN, "simultaneous")
    with pytest.raises(GameError, match="not finite"):
        diagnose({"a": lambda z: jnp.sqrt(z["a"]), "b": lambda z: z["b"] ** 2}, ORIGIN, rules.simultaneous("1/10"))
    with pytest.raises(GameError, match="the players are a, b"):
        diagnose(FUNCTIONS, {"a": 0.0}, rules.simultaneous("1/10"))


def test_a_rule_without_a_step_tolerates_what_the_same_rule_with_one_does():
    x, y = sp.symbols("x y", real=True)
    game = Game(a=minimize(x * y, x), b=maximize(x * y, y))
    forms = [rules.optimistic("1/10"), rules.optimistic(alpha="1/5", beta="1/10")]
    told = [
        next(line for line in str(diagnose(game, {x: 0, y: 0}, r)).splitlines() if "exactly for s" in line)
        for r in forms
    ]
    assert told[0] == told[1] and "s < 10*sqrt(3)/3" in told[0]
