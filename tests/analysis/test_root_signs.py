"""Signs of A + B sqrt(d) and of polynomials without real roots: never wrong, and found where theory says so."""

from __future__ import annotations

import random as chance

import pytest
import sympy as sp

import bilevel as bl
from bilevel.analysis.known import Known

a, c = sp.symbols("a c", real=True)
p, q, r = sp.symbols("p q r", positive=True)
ROOT = sp.sqrt(p**2 + q)


@pytest.mark.parametrize(
    ("expression", "sign"),
    [
        (ROOT - p, "+"),
        (p - ROOT, "-"),
        ((ROOT - p) ** 3 * (2 * ROOT - q), None),
        ((ROOT - 3) ** 2 * r, ">=0"),
        (1 / (ROOT - p) - 1 / (ROOT + p), "+"),
        (sp.sqrt((a - 1) ** 2 * r + q) + a - 1, None),
        (sp.sqrt((a - 1) ** 2 + q) + a - 1, "+"),
        (sp.sqrt(p + sp.sqrt(q)) - sp.sqrt(p), "+"),
        (30 * c**2 + 40 - 3 * c, "+"),
        (c**4 - c + 1, "+"),
        (-(c**4) + c - sp.Rational(4724, 10000), None),
        (a**2 - a * c + c**2 + q, "+"),
        (a**2 - 3 * a * c + c**2 + q, None),
        (c**2 - 2 * c + 1, ">=0"),
    ],
)
def test_signs(expression, sign):
    assert Known().sign(expression) == sign


@pytest.mark.parametrize("seed", range(25))
def test_no_sign_is_wrong_at_random_rational_points(seed):
    source = chance.Random(seed)
    terms = [a, c, p, q, sp.Integer(1), a * c, p * q, a**2, c**2]
    some = lambda: sum(source.randint(-3, 3) * term for term in source.sample(terms, 3))
    radicand = some() ** 2 + source.choice([p, q, p * q, sp.Integer(2)])
    expression = some() ** source.choice((1, 2)) + some() * sp.sqrt(radicand)
    sign = Known().sign(expression)
    for _ in range(12):
        point = {s: sp.Rational(source.randint(1, 40), source.choice((1, 3, 8))) for s in (p, q)}
        point |= {s: sp.Rational(source.randint(-40, 40), source.choice((1, 3, 8))) for s in (a, c)}
        value = expression.subs(point)
        value = 0 if sp.expand(value) == 0 else sp.N(value, 30)
        holds = {"+": value > 0, "-": value < 0, ">=0": value >= 0, "<=0": value <= 0, "0": value == 0, None: True}
        assert holds[sign]


@pytest.mark.parametrize("name", ["linear_quadratic_regulator", "soft_bandit"])
def test_points_with_roots_and_exponentials_are_decided_and_agree_with_the_second_derivative(name):
    game = getattr(bl.models, name)()
    cost, moves = game.cost(next(iter(game.players))), game.variables
    (first, *_) = bl.equilibria(game).points
    verdict = bl.stability(game, at=first.point)
    assert verdict.verdict == "stable" and verdict.known == "exact"
    source = chance.Random(3)
    for _ in range(4):
        free = sorted(verdict.jacobian.free_symbols, key=str)
        at = {s: sp.Rational(source.randint(1, 9), source.choice((2, 3, 5))) for s in free}
        curvature = sp.hessian(cost, moves).subs(first.point).subs(at).evalf(30)
        assert (verdict.jacobian.subs(at) + curvature).evalf(30).norm() < 1e-15 * (1 + curvature.norm())
        assert curvature.is_positive_definite
