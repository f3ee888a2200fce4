"""Stability diagrams as exact data: critical values, boundary curves and points of codimension two."""

import random

import pytest
import sympy as sp

import bilevel as bl
from bilevel import rules
from bilevel.analysis.analyse import analyse
from bilevel.analysis.decide import decide
from bilevel.analysis.stability_plane import stability_diagram
from bilevel.language.errors import GameError, UnknownAnswer

h, g, m = sp.symbols("h gamma m", positive=True)
x, y = sp.symbols("x y", real=True)
LOSS = -sp.log(1 + sp.exp(-x * y))


def dirac(penalty):
    return bl.Game(a=bl.minimize(LOSS, x), b=bl.maximize(LOSS - sp.Rational(1, 2) * penalty * y**2, y))


def of(rule, penalty=2):
    return analyse(rules.linearise(dirac(penalty), rule, {x: 0, y: 0}).matrix, time=rule.time)


LINES = {
    "simultaneous": of(rules.simultaneous(h)),
    "heavy ball": of(rules.heavy_ball(h, sp.Rational(1, 3))),
    "extragradient": of(rules.extragradient(h), 0),
    "alternating, no penalty": of(rules.alternating(h), 0),
    "Runge-Kutta": of(rules.runge_kutta(h, stages=4), sp.Rational(1, 2)),
    "Nesterov": of(rules.nesterov(h, sp.Rational(1, 2))),
    "past extragradient": of(rules.past_extragradient(h), 0),
}


@pytest.mark.parametrize("verdict", LINES.values(), ids=LINES)
def test_a_line_diagram_agrees_with_exact_decisions_everywhere(verdict):
    found = stability_diagram(verdict, h)
    assert len(found.between) == len(found.values) + 1
    source = random.Random(1)
    for _ in range(25):
        value = sp.Rational(source.randint(1, 400), 40)
        assert found.at(value) == decide(verdict.jacobian.subs(h, value), time="discrete").verdict
    for value, expected, kinds in zip(found.values, found.verdicts, found.kinds, strict=True):
        there = decide(verdict.jacobian.subs(h, value), time="discrete").verdict
        assert found.at(value) == expected and there in (expected, "unknown")  # roots of degree seven are too long
        assert bool(kinds) == (expected == "marginal")


def test_known_lines_come_out():
    found = stability_diagram(LINES["simultaneous"], h)  # p(-1) = 4 - 4h + h^2/4 at penalty 2
    assert found.values == (8 - 4 * sp.sqrt(3),)  # beyond the other root, 8 + 4 sqrt(3), nothing changes
    assert found.between == ("stable", "unstable") and found.kinds == (("flip (eigenvalue -1)",),)
    bare = stability_diagram(LINES["alternating, no penalty"], h)
    assert bare.values == (4,) and bare.between == ("marginal", "unstable") and bare.at(4) == "marginal"


PLANES = {
    "simultaneous": (of(rules.simultaneous(h), g), (h, g)),
    "alternating": (of(rules.alternating(h), g), (h, g)),
    "heavy ball": (of(rules.heavy_ball(h, m)), (h, m)),
    "optimistic": (of(rules.optimistic(alpha=2 * h, beta=h), g), (h, g)),
}


@pytest.mark.parametrize(("verdict", "over"), PLANES.values(), ids=PLANES)
def test_every_change_of_verdict_along_a_line_lies_on_a_piece_of_a_curve(verdict, over):
    found = stability_diagram(verdict, over)
    for fixed in (sp.Rational(1, 3), sp.Rational(7, 5), sp.Rational(5, 2)):
        line = found.along({over[0]: fixed})
        for k, value in enumerate(line.values):
            here = {over[0]: fixed, over[1]: value}
            assert found.at(here) == line.verdicts[k]
            on = [c for c in found.curves if sp.expand(c.equation.subs(here)) == 0]
            between = {piece[2:] for c in on for piece in c.pieces if _covers(piece[0], fixed)}
            assert line.between[k : k + 2] in between


def _covers(ends, value):
    return (ends[0] is None or ends[0] < value) and (ends[1] is None or value < ends[1])


@pytest.mark.parametrize(("verdict", "over"), PLANES.values(), ids=PLANES)
def test_points_of_codimension_two_are_marginal_and_have_the_eigenvalues_they_are_named_for(verdict, over):
    wanted = {"1:1": [1, 1], "1:2": [-1, -1], "1:3": [-0.5, -0.5], "1:4": [0, 0], "fold-flip": [-1, 1]}
    for special in stability_diagram(verdict, over).points:
        matrix = verdict.jacobian.subs(special.point, simultaneous=True).evalf(30)
        values = [
            complex(v) for v in sp.Poly(matrix.charpoly().all_coeffs(), sp.Symbol("z")).nroots(n=15, maxsteps=200)
        ]
        assert max(map(abs, values)) < 1 + 1e-6
        real = sorted(v.real for v in values if abs(abs(v) - 1) < 1e-6)
        assert all(min(abs(r - w) for r in real) < 1e-5 for w in wanted[special.kinds[0].split(" ")[0]])


def test_resonances_of_the_heavy_ball_stand_at_two_three_and_four():
    ball = sp.Matrix([[1 + m - h, -m], [1, 0]])
    points = {
        p.kinds[0][:3]: (p.point[h], p.point[m])
        for p in stability_diagram(analyse(ball, time="discrete"), (h, m)).points
    }
    assert points == {"1:4": (2, 1), "1:3": (3, 1), "1:2": (4, 1)}


def test_a_flow_has_hopf_and_fold_curves():
    a, b = sp.symbols("a b", real=True)
    found = stability_diagram(analyse(sp.Matrix([[a, -1], [1, b]]), time="continuous"), (a, b))
    kinds = {c.equation: c.kinds[0] for c in found.curves}
    assert {abs_sign(e): k for e, k in kinds.items()} == {
        a + b: "Hopf (a pair on the axis)",
        a * b + 1: "fold (eigenvalue 0)",
    }
    assert {(p.point[a], p.point[b]) for p in found.points} == {(1, -1), (-1, 1)}
    assert {p.kinds for p in found.points} == {("double zero",)}


def abs_sign(e):
    return -e if e.could_extract_minus_sign() else e


def test_what_a_diagram_cannot_hold_is_refused():
    verdict, over = PLANES["simultaneous"]
    with pytest.raises(GameError, match="gamma free"):
        stability_diagram(verdict, h)
    found = stability_diagram(verdict, over)
    with pytest.raises(GameError, match="exact numbers"):
        found.at({h: 0.1, g: 1})
    with pytest.raises(GameError, match="outside the domain"):
        found.along({g: 1}).at(-1)
    with pytest.raises(UnknownAnswer, match="rational functions"):
        stability_diagram(analyse(sp.Matrix([[sp.exp(-h)]]), time="discrete"), h)
