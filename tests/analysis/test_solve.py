"""Conditions solved for one parameter: known answers, cases, and agreement with the condition at rational points."""

from __future__ import annotations

import random
from typing import Any

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from bilevel.analysis import branches as module
from bilevel.analysis.enclosure import truth_at
from bilevel.analysis.known import Known
from bilevel.analysis.solve import solve
from bilevel.language.errors import GameError, UnknownAnswer

h, gamma, f, s = sp.symbols("h gamma f s", positive=True)
p, q, r = sp.symbols("p q r", real=True)


def agrees(condition: Any, solved: Any, source: random.Random, count: int = 80) -> bool:
    symbols = sorted(condition.free_symbols, key=str)
    for _ in range(count):
        point = {
            x: sp.Rational(source.randint(1, 60), source.choice((1, 2, 5, 16)))
            * (1 if x.is_positive else source.choice((1, -1)))
            for x in symbols
        }
        expected = truth_at(condition, point)
        if expected is not None and truth_at(solved, point) is not expected:
            return False
    return True


KNOWN = [
    (h**2 / 4 + 2 * gamma * h < 4, h < 4 * sp.sqrt(gamma**2 + 1) - 4 * gamma),
    (h**2 * s**2 < sp.Rational(1, 3), h < sp.sqrt(3) / (3 * s)),
    (h * f**2 < gamma, h < gamma / f**2),
    (
        sp.And(h < 4 * gamma, 2 * gamma * h < h**2 / 4 + 4),
        sp.Or(sp.And(gamma < 1, h < 4 * gamma), sp.And(gamma >= 1, h < 4 * gamma - 4 * sp.sqrt(gamma**2 - 1))),
    ),
    (h * r < 1, sp.Or(r <= 0, sp.And(r > 0, h < 1 / r))),
    (sp.And(h > 1, h < 3), sp.And(h > 1, h < 3)),
]


@pytest.mark.parametrize(("condition", "answer"), KNOWN)
def test_known_answers(condition: Any, answer: Any) -> None:
    assert solve(condition, h) == answer


def test_other_parameters_and_trivial_conditions() -> None:
    assert solve(f**2 * h**2 + 2 * h * gamma < 4, gamma).lhs == gamma
    assert solve(sp.true, h) == sp.true
    assert solve(gamma < 1, h) == (gamma < 1)


def test_even_powers_are_solved_through_their_root() -> None:
    source = random.Random(2)
    for condition in (h**4 * s**4 < 16 + h**2, h**4 - 3 * gamma * h**2 + 1 > 0, h**3 < gamma, h**4 + gamma * h**2 >= s):
        assert agrees(condition, solve(condition, h), source)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.sampled_from([p, q, -p, p + 1, sp.Integer(1), sp.Integer(-2), p * q, sp.Integer(0), gamma]),
        min_size=3,
        max_size=3,
    ),
    st.sampled_from([sp.Gt, sp.Ge, sp.Lt, sp.Le]),
)
def test_quadratics_with_every_sign(coefficients: list[Any], relation: Any) -> None:
    condition = relation(coefficients[0] * h**2 + coefficients[1] * h + coefficients[2], 0)
    if condition not in (sp.true, sp.false):
        assert agrees(condition, solve(condition, h), random.Random(3))


@settings(max_examples=12, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                h < 4 * gamma,
                h * gamma > 1,
                h**2 - gamma * h > 1,
                2 * h < gamma**2,
                h**2 * gamma < 3,
                (h - gamma) * (h - 2) < 0,
            ]
        ),
        min_size=2,
        max_size=3,
    ),
    st.booleans(),
)
def test_combinations(parts: list[Any], both: bool) -> None:
    condition = (sp.And if both else sp.Or)(*parts)
    if condition not in (sp.true, sp.false):
        assert agrees(condition, solve(condition, h), random.Random(4))


def test_one_parameter_of_any_degree() -> None:
    solved = solve(h**5 - 3 * h + 1 < 0, h)
    for value in (sp.Rational(1, 5), sp.Rational(1, 2), 1, sp.Rational(6, 5), 2):
        assert bool(solved.subs(h, value)) == bool(value**5 - 3 * value + 1 < 0)


def test_no_closed_form_is_said() -> None:
    with pytest.raises(UnknownAnswer, match="degree 3"):
        solve(h**3 * s + h < gamma, h)
    with pytest.raises(UnknownAnswer):
        solve(sp.exp(h) * gamma < h, h)
    with pytest.raises(GameError):
        solve(h < 1, h + 1)


def test_a_wrong_solution_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check at rational points stops a mutant that takes the wrong root."""
    original = module.Branches._surd
    monkeypatch.setattr(module.Branches, "_surd", lambda self, c, d, sign: original(self, c, d, -sign))
    with pytest.raises(UnknownAnswer, match="failed its check"):
        solve(h**2 - 4 * gamma * h + gamma**2 < 0, h)


def test_signs_of_logarithms_and_exponentials_of_parameters_are_known():
    g = sp.Symbol("g", positive=True)
    inside = Known([r > 0, r < 1])
    for known, expression, expected in [
        (Known(), 1 - sp.exp(-g), "+"),
        (Known(), g * sp.log(2) - g, "-"),
        (Known(), g * sp.log(2) + g * sp.log(3) - g, "+"),
        (Known(), h * sp.log(2 + g) * (1 - sp.exp(-g)), "+"),
        (inside, sp.log(1 + r), "+"),
        (inside, sp.log(r), "-"),
        (inside, 3 - sp.exp(r), "+"),
        (inside, sp.exp(r) - 1, "+"),
        (inside, sp.exp(r) - 2, None),  # both signs occur
        (Known([sp.log(g) > 1]), sp.log(g), "+"),
    ]:
        assert known.sign(expression) == expected
        for v in (sp.Rational(1, 9), sp.Rational(1, 2), sp.Rational(8, 9)):
            number = expression.subs({g: 3 + v, r: v, h: v}).evalf(20)
            assert expected is None or (number > 0) == (expected == "+")


def test_numbers_and_positive_symbols_common_to_all_terms_are_taken_out():
    w = sp.Symbol("w", positive=True)
    known = Known()
    assert known.boolean([(8 - 8 * h**2 * w**2 - 4 * h**2 * w, ">")]) == (2 * h**2 * w**2 + h**2 * w < 2)
    assert known.boolean([(9 * w * h - 6 * h**2 - 3, "<=")]) == (3 * h * w <= 2 * h**2 + 1)
    assert known.boolean([(3 * h**2 / 2 + 3 * h * w / 4 - 3, "<")]) == (h**2 / 2 + h * w / 4 < 1)
    many = sum(h ** (2 * i + 1) * w ** (3 * j + 2) * (i + j + 1) for i in range(15) for j in range(15)) - 999 * h * w**2
    assert known.boolean([(many, ">")]).lhs.subs(h, 0).subs(w, 0) in (0, 1, 998)
