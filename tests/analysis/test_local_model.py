"""Rules with free parameters at fixed points without a formula: the letters of a local model against enclosures."""

from __future__ import annotations

import inspect

import pytest
import sympy as sp

from bilevel import rules
from bilevel.analysis.fixed_points import equilibria
from bilevel.analysis.krawczyk import certify, isolated_zeros
from bilevel.analysis.local import stability
from bilevel.analysis.local_model import kept, local_model, local_models
from bilevel.analysis.local_verdict import in_numbers
from bilevel.game import Game, maximize, minimize
from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.language.nodes import stop_gradient
from bilevel.response import unrolled
from bilevel.system import flow_of

x, y = sp.symbols("x y", real=True)
h, beta = sp.symbols("h beta", positive=True)
GAME = Game(
    a=minimize(x**2 + sp.sin(x) + x * y + sp.exp(y) / 3, x), b=maximize(x * y - y**2 / 2 + sp.cos(x) * y, y)
)  # general sum: each player's loss has a slope in the other's variable at the equilibrium
(BOX,) = isolated_zeros(list(GAME.field().values()), [x, y])
POINT = {v: sp.Float(float(ball.mid())) for v, ball in BOX.items()}


def of_one_step(name):
    """The maker of a rule that needs its step and nothing else."""
    make = rules.catalogue()[name]
    parts = inspect.signature(make).parameters.values()
    return make if [p.name for p in parts if p.default is p.empty] == ["step"] else None


MAKERS = {name: make for name in sorted(rules.catalogue()) if (make := of_one_step(name)) is not None}


@pytest.mark.parametrize("name", MAKERS)
def test_the_condition_on_a_free_step_agrees_with_the_enclosed_verdict_at_every_number(name):
    """Second road: with numbers for everything the rule's own map is enclosed, without letters."""
    make = MAKERS[name]
    if name == "sos":  # it chooses by the sign of a number that is zero here
        with pytest.raises(UnknownAnswer, match="sign of 0"):
            stability(GAME, make(h), at=POINT)
        return
    verdict = stability(GAME, make(h), at=POINT)
    if not kept(GAME, make(h), BOX):
        assert verdict.verdict == "unknown"
        return
    assert verdict.known == "enclosed", verdict.reason
    for step in (sp.Rational(1, 10), sp.Rational(7, 2)):
        there = stability(GAME, make(step), at=POINT)
        assert there.verdict in ("stable", "unstable"), there.reason
        assert verdict.condition.subs(h, step) == sp.S(there.verdict == "stable")
        assert verdict.unstable_on.subs(h, step) == sp.S(there.verdict == "unstable")


def test_the_boundary_is_the_number_that_the_formula_gives():
    game = Game(a=minimize(x**2 + sp.sin(x), x))
    found = equilibria(game, rules.simultaneous(h))
    assert [e.known for e in found.points] == ["enclosed"]
    root = sp.nsolve(2 * x + sp.cos(x), -0.45, prec=30)
    (bound,) = stability(game, rules.simultaneous(h)).condition.atoms(sp.Float)
    assert abs(bound - 2 / (2 - sp.sin(root))) < sp.Float("1e-12")


def test_a_local_model_has_the_derivatives_of_the_game_and_a_remainder():
    model = next(local_models(GAME, BOX))
    numbers = {letter: sp.Float(float(ball.mid())) for letter, ball in model.values.items()}
    ours = model.game.jacobian().subs(dict(model.point)).doit().subs(numbers)
    theirs = GAME.jacobian().subs(POINT)
    assert max(abs(entry) for entry in ours - theirs) < 1e-12
    elsewhere = model.game.field()[x].subs({v: p + 1 for v, p in model.point.items()}).doit()
    assert elsewhere.atoms(sp.core.function.AppliedUndef)  # the losses elsewhere are not known


def test_a_rule_that_moves_the_zeros_of_the_field_does_not_keep_them():
    assert not kept(GAME, rules.lola(h), BOX) and kept(GAME, rules.extragradient(h), BOX)


def test_a_follower_answers_in_the_local_model_as_in_the_game():
    """The leader's total derivative vanishes at the point, not its partial one."""
    from bilevel.response import best_response

    game = Game(
        leader=minimize((y - 1) ** 2 / 2 + sp.exp(x) / 5, x, through={"follower": best_response()}),
        follower=minimize((y - sp.sin(x)) ** 2 / 2 + y**4 / 9, y),
    )
    point = equilibria(game, rules.simultaneous(h)).points[0]
    verdict = stability(game, rules.simultaneous(h), at=point.point)
    jacobian = game.jacobian().subs(dict(point.point)).evalf()
    for step in (0.1, 1.0, 1.9, 4.0):
        largest = max(abs(complex(v)) for v in (sp.eye(2) - step * jacobian).eigenvals())
        assert verdict.condition.subs(h, step) == sp.S(largest < 1)


def test_a_number_that_may_be_zero_leaves_the_answer_open():
    c = sp.Symbol("c_1", real=True)
    from flint import arb

    values = {c: arb(0, 1e-20)}
    assert in_numbers(sp.And(c > 0, h < 1), values) is None
    assert in_numbers(sp.And(c + 1 > 0, h < 1 + c), values) == (h < 1)


def test_two_free_parameters_give_inequalities_in_both():
    verdict = stability(GAME, rules.heavy_ball(h, beta), at=POINT)
    assert verdict.known == "enclosed" and verdict.condition.free_symbols == {h, beta}
    numbers = {h: sp.Rational(1, 5), beta: sp.Rational(1, 2)}
    there = stability(GAME, rules.heavy_ball(*numbers.values()), at=POINT)
    assert verdict.condition.subs(numbers) == sp.S(there.verdict == "stable")


def test_without_a_formula_and_without_an_enclosure_the_answer_is_open_and_says_what_to_try():
    free = Game(a=minimize(x**2 + beta * sp.sin(x), x))
    verdict = stability(free, rules.simultaneous(h), at={x: sp.Float(-0.45)})
    assert verdict.verdict == "unknown" and "give numbers" in verdict.reason
    with pytest.raises((GameError, UnknownAnswer)):
        stability(free, rules.simultaneous(h))


def test_where_losses_stop_gradients_the_model_is_of_the_field():
    """The loss's second derivative and the slope of its gradient differ there: the field's own Jacobian decides."""
    target = stop_gradient(sp.cos(x) + y / 3)
    game = Game(a=minimize((x - target) ** 2 / 2, x), b=minimize((y - sp.sin(x) - sp.Rational(1, 7)) ** 2 / 2, y))
    (point,) = (e.point for e in equilibria(game, rules.extragradient(h)).points)
    for make in (rules.simultaneous, rules.alternating, rules.extragradient, rules.consensus, rules.heavy_ball):
        rest = (h,) if make in (rules.consensus, rules.heavy_ball) else ()
        verdict = stability(game, make(h, *rest), at=point)
        assert verdict.known == "enclosed", verdict.reason
        for step in (sp.Rational(1, 10), sp.Rational(8, 5)):
            there = stability(game, make(step, *(step for _ in rest)), at=point)
            assert verdict.condition.subs(h, step) == sp.S(there.verdict == "stable")
    assert local_model(game, certify(list(game.field().values()), [x, y], [0.919, 0.938])) is None
    # What another's loss does in my variable is not in the field: a rule that asks for it gets no answer.
    assert stability(game, rules.lola(h), at=point).verdict == "unknown"


def test_flows_given_directly_have_their_points_decided_for_every_step_of_a_rule():
    system = flow_of({x: sp.cos(x) - x - y / 5, y: sp.sin(x) - y})
    (point,) = (e.point for e in equilibria(system, rules.runge_kutta(h)).points)
    verdict = stability(system, rules.runge_kutta(h), at=point)
    jacobian = system.jacobian().subs(dict(point)).evalf()
    for step in (0.5, 1.4, 1.8, 3.0):
        series = sum(((-step * jacobian) ** k / sp.factorial(k) for k in range(5)), sp.zeros(2))
        largest = max(abs(complex(v)) for v in series.eigenvals())
        assert verdict.condition.subs(h, step) == sp.S(largest < 1)


def test_a_leader_that_foresees_steps_has_the_verdict_of_its_field():
    seeing = minimize((y - 1) ** 2 + sp.tanh(x) ** 2 / 3, x, through={"follower": unrolled(2, sp.Rational(1, 10))})
    game = Game(leader=seeing, follower=minimize((y - x) ** 2 / 2 + sp.cosh(y) / 5, y))
    point = equilibria(game, rules.alternating(h)).points[0].point
    verdict = stability(game, rules.alternating(h), at=point)
    assert verdict.known == "enclosed"
    for step in (sp.Rational(1, 10), sp.Rational(5, 2)):
        there = stability(game, rules.alternating(step), at=point)
        assert verdict.condition.subs(h, step) == sp.S(there.verdict == "stable")
