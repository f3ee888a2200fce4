"""What linearisation cannot decide: published conserved quantities, textbook normal forms, simulation."""

from __future__ import annotations

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import bilevel as bl
from bilevel.analysis.beyond import stability_near
from bilevel.analysis.conserved import change, conserved
from bilevel.analysis.known import Known
from bilevel.analysis.local import default_rule, stability
from bilevel.analysis.nonlinear import nonlinear
from bilevel.analysis.state_map import state_map
from bilevel.analysis.transverse import transverse
from bilevel.game import Game, maximize, minimize
from bilevel.rules import alternating, flow, simultaneous
from bilevel.system import flow_of, map_of

x, y, z = sp.symbols("x y z", real=True)
h, h1, h2, w = sp.symbols("h h1 h2 w", positive=True)
ORIGIN = {x: 0, y: 0}
BILINEAR = Game(first=minimize(x * y, x), second=maximize(x * y, y))


def claim(system, point=None):
    return nonlinear(system, default_rule(system), point or ORIGIN)["claim"]


def test_the_dirac_flow_conserves_the_squared_distance_for_any_function():
    f = sp.Function("f")
    found = nonlinear(Game(g=minimize(f(x * y), x), d=maximize(f(x * y), y)), flow(), ORIGIN)
    assert found["claim"] == "Lyapunov stable" and sp.expand(found["quantity"] - x**2 - y**2) == 0


def test_alternating_steps_conserve_the_published_quantity():
    rule = alternating({"first": h1, "second": h2})
    found = nonlinear(BILINEAR, rule, ORIGIN)
    ratio = sp.cancel(found["quantity"] / (x**2 / h1 + y**2 / h2 - x * y))
    assert not ratio.has(x, y) and found["claim"] == "Lyapunov stable"
    assert found["where"] == (h1 * h2 < 4)
    assert sp.expand(change(found["quantity"], state_map(BILINEAR, rule, ORIGIN))) == 0


def test_at_the_published_edge_a_jordan_block_is_unstable():
    assert nonlinear(BILINEAR, alternating(2), ORIGIN)["claim"] == "unstable"


def test_simultaneous_steps_need_no_nonlinear_argument():
    assert nonlinear(BILINEAR, simultaneous(h), ORIGIN) is None
    assert stability(BILINEAR, simultaneous(h), at=ORIGIN).verdict == "unstable"


@pytest.mark.parametrize(
    ("right", "expected"),
    [
        ({x: -y - x**3, y: x}, "asymptotically stable"),
        ({x: -y + x**3, y: x}, "unstable"),
        ({x: y, y: -sp.sin(x)}, "Lyapunov stable"),
        ({x: y**3, y: -(x**3)}, "Lyapunov stable"),
        ({x: x**2, y: -y}, "unstable"),
        ({x: x * y, y: -y - x**2}, "asymptotically stable"),
        ({x: x * y, y: -y + x**2}, "unstable"),
        # Strogatz (1994), chapter 8, and Guckenheimer and Holmes: x x_t terms only, fifth order decides, not the third
        ({x: -y - x**5, y: x}, "Lyapunov stable"),
    ],
)
def test_textbook_flows(right, expected):
    assert claim(flow_of(right)) == expected


@pytest.mark.parametrize(
    ("right", "expected"),
    [
        ({x: -x + x**3}, "asymptotically stable"),
        ({x: -x - x**3}, "unstable"),
        ({x: x - x**3}, "asymptotically stable"),
        ({x: x + x**2}, "unstable"),
        ({x: -x + x**2}, "asymptotically stable"),
        ({x: -x - x**2 - x**3}, "undecided"),  # c = 0: the two terms cancel
    ],
)
def test_textbook_maps_of_one_variable(right, expected):
    assert claim(map_of(right), {x: 0}) == expected


def test_the_logistic_map_at_three():
    assert claim(map_of({x: 3 * x * (1 - x)}), {x: sp.Rational(2, 3)}) == "asymptotically stable"


def test_neimark_sacker_and_strong_resonance():
    c, s = sp.Rational(3, 5), sp.Rational(4, 5)
    turn = {x: c * x - s * y, y: s * x + c * y}
    damp = {v: g - v * (x**2 + y**2) for v, g in turn.items()}
    # (c x - s y) x + (s x + c y) y = c |z|^2 > 0: the cubic term pulls inwards
    assert claim(map_of(damp)) == "asymptotically stable"
    assert claim(map_of({v: g + v * (x**2 + y**2) for v, g in turn.items()})) == "unstable"
    assert claim(map_of({x: -y - x**3, y: x})) == "undecided"


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(-2, 2), min_size=7, max_size=7), st.sampled_from([1, -1]))
def test_flows_near_a_centre_agree_with_simulation(c, turn):
    """The sign of the first Lyapunov coefficient against a Runge-Kutta run of one thousand turns."""
    p = c[0] * x**2 + c[1] * x * y + c[2] * y**2 + c[3] * x**3
    q = c[4] * x**2 + c[5] * x * y + c[6] * x**2 * y
    found = nonlinear(flow_of({x: -turn * y + p, y: turn * x + q}), flow(), ORIGIN)
    if found["claim"] not in ("asymptotically stable", "unstable") or abs(found["coefficient"]) < 1:
        return
    f = sp.lambdify([x, y], [-turn * y + p, turn * x + q], "math")
    a, b, step = 0.02, 0.0, 0.05

    def slope(u, v):
        return f(u, v)

    for _ in range(8000):
        k1 = slope(a, b)
        k2 = slope(a + step / 2 * k1[0], b + step / 2 * k1[1])
        k3 = slope(a + step / 2 * k2[0], b + step / 2 * k2[1])
        k4 = slope(a + step * k3[0], b + step * k3[1])
        a += step / 6 * (k1[0] + 2 * k2[0] + 2 * k3[0] + k4[0])
        b += step / 6 * (k1[1] + 2 * k2[1] + 2 * k3[1] + k4[1])
        if a * a + b * b > 0.01:
            break
    # quadratic terms deform circles by O(r^3) only; the drift of a thousand time units is larger
    grown = a * a + b * b > 0.02**2
    assert grown == (found["claim"] == "unstable") or abs((a * a + b * b) / 0.02**2 - 1) < 0.12


def test_rock_paper_scissors_with_equal_stakes_is_stable():
    third = sp.Rational(1, 3)
    game = flow_of({x: x * (w * z - w * y), y: y * (w * x - w * z), z: z * (w * y - w * x)})
    assert claim(game, {x: third, y: third, z: third}) == "Lyapunov stable"


def test_conserved_quantities_are_identities():
    lotka = flow_of({x: x * (1 - y), y: y * (x - 1)})
    system = state_map(lotka, flow(), {x: 1, y: 1})
    (quantity,) = conserved(system, Known())
    assert sp.simplify(change(quantity, system)) == 0


def test_a_damped_system_conserves_nothing():
    assert conserved(state_map(flow_of({x: -x, y: -2 * y + x}), flow(), ORIGIN), Known()) == ()


def test_continua_are_judged_across():
    game = Game(one=minimize((x * y - 1) ** 2, x, y))
    verdict = bl.stability(game, simultaneous(h), at={x: 2, y: "1/2"})
    assert verdict.condition == sp.false
    assert verdict.transverse["dimension"] == 1 and verdict.transverse["condition"] == (h < sp.Rational(4, 17))
    assert verdict.nonlinear["claim"] == "Lyapunov stable" and verdict.nonlinear["where"] == (h < sp.Rational(4, 17))


def test_crossing_continua_are_not_claimed():
    verdict = bl.stability(Game(one=minimize(x**2 * y**2, x, y)), at=ORIGIN)
    assert (verdict.nonlinear or {}).get("claim") != "asymptotically stable"


def test_transverse_spectrum_drops_only_the_modes_along():
    found = transverse(sp.diag(0, 0, -w), "continuous", 2)
    assert found["condition"] == sp.true
    assert transverse(sp.diag(0, 0, -w), "continuous", 1)["condition"] == sp.false


def test_the_only_point_is_found_and_enclosed_points_are_judged():
    verdict = bl.stability(Game(one=minimize(sp.exp(x) * (x - 1) - x, x)))
    assert verdict.verdict == "stable" and verdict.known == "enclosed"
    assert stability_near(flow_of({x: 2 - x**2}), flow(), {x: sp.Float(1.4142135623730951)}).verdict == "stable"
    assert stability_near(flow_of({x: 2 - x**2}), flow(), {x: sp.Float(1.3)}).verdict == "unknown"


def test_marginal_verdicts_carry_the_finding():
    verdict = bl.stability(BILINEAR, flow(), at=ORIGIN)
    assert verdict.verdict == "marginal" and verdict.nonlinear["claim"] == "Lyapunov stable"


def test_jets_are_the_derivatives_of_the_composed_map():
    from bilevel.analysis.jets import Jets

    f = sp.exp(x * y) / (1 + sp.exp(x * y)) + sp.sqrt(1 + x) * (x - y) ** 3 + sp.log(2 + sp.sin(y))
    point = {x: sp.Rational(1, 3), y: 0}
    jets = Jets([x, y], point, 3)
    for index in [(), (0,), (1,), (0, 0), (0, 1), (1, 1), (0, 0, 1), (0, 1, 1), (1, 1, 1), (0, 0, 0)]:
        direct = sp.diff(f, *[(x, y)[k] for k in index]) if index else f
        assert abs((direct.subs(point) - jets.derivative(f, index)).evalf(30)) < 1e-25


def test_a_coefficient_that_vanishes_says_so_and_decides_nothing():
    loss = -sp.log(1 + sp.exp(-x * y))
    found = nonlinear(Game(a=minimize(loss, x), b=maximize(loss, y)), alternating(1), {x: 0, y: 0})
    assert found["claim"] == "undecided" and "vanishes" in found["by"]


def test_conserved_quantities_are_searched_for_with_many_parameters():
    s1, s2, s3, s4 = sp.symbols("s1 s2 s3 s4", positive=True)
    loss = (s1 * s2 + s3 * s4) * x * y
    game = Game(first=minimize(loss, x), second=maximize(loss, y))
    found = nonlinear(game, alternating({"first": h1, "second": h2}), ORIGIN)
    system = state_map(game, alternating({"first": h1, "second": h2}), ORIGIN)
    assert found["claim"] == "Lyapunov stable" and sp.expand(change(found["quantity"], system)) == 0
