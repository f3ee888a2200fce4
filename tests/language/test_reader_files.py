"""What problem files hold beside expressions: assumptions, functions, values, names."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from bilevel.language.errors import GameError, ReadError
from bilevel.language.names import FUNCTION_NAMES, RESERVED, check_name, memory_name, nearest, slips
from bilevel.language.reader import Bound, read, read_assumptions, read_function, read_value

x = sp.Symbol("x", real=True)
gamma = sp.Symbol("gamma", positive=True)


@pytest.mark.parametrize(
    ("text", "keywords", "bounds"),
    [
        ("real", {"real": True}, ()),
        ("positive", {"real": True, "positive": True}, ()),
        ("positive, integer", {"real": True, "positive": True, "integer": True}, ()),
        ("in (0, 1)", {"real": True, "positive": True}, (Bound(">", sp.S.Zero), Bound("<", sp.S.One))),
        ("in [0, 1)", {"real": True, "nonnegative": True}, (Bound(">=", sp.S.Zero), Bound("<", sp.S.One))),
        ("in (-1, 1]", {"real": True}, (Bound(">", sp.S.NegativeOne), Bound("<=", sp.S.One))),
        ("nonzero, in (-inf, 1/2]", {"real": True, "nonzero": True}, (Bound("<=", sp.S.Half),)),
        ("in [1, inf)", {"real": True, "positive": True}, (Bound(">=", sp.S.One),)),
        ("in (-2, 0)", {"real": True, "negative": True}, (Bound(">", sp.Integer(-2)), Bound("<", sp.S.Zero))),
        (
            "in (0, min(1, 2/gamma))",
            {"real": True, "positive": True},
            (Bound(">", sp.S.Zero), Bound("<", sp.Min(1, 2 / gamma))),
        ),
    ],
)
def test_assumptions(text: str, keywords: dict[str, bool], bounds: tuple[Bound, ...]) -> None:
    assert read_assumptions(text, {"gamma": gamma}) == (keywords, bounds)
    symbol = sp.Symbol("s", **keywords)
    for bound in bounds:
        assert bound(symbol) is not sp.false


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("postive", "positive"),
        ("", "real"),
        ("positive, negative", "remove"),
        ("in (1, 0)", "empty"),
        ("in (0, 0)", "empty"),
        ("in 0, 1", "in (0"),
        ("in (0)", "two ends"),
        ("in (0, 1", "bracket"),
        ("positive negative", "comma"),
        ("in (a, 1)", "declare"),
        ("positive,", "write"),
    ],
)
def test_assumptions_that_are_refused(text: str, word: str) -> None:
    with pytest.raises(ReadError, match=r"[;]") as caught:
        read_assumptions(text)
    assert word in str(caught.value)


def test_functions() -> None:
    t = sp.Symbol("t", real=True)
    assert read_function("t -> -log(1 + exp(-t))") == sp.Lambda(t, -sp.log(1 + sp.exp(-t)))
    assert read_function("x -> x^2 + gamma", {"x": x, "gamma": gamma})(3) == 9 + gamma
    f = read_function("t -> t^2")
    assert read_function("t -> f(f(t))", {}, {"f": f})(x) == x**4


@pytest.mark.parametrize(
    "text",
    ["t^2", "-> t", "t ->", "1 -> t", "E -> 1", "t, t -> t", "(s t) -> s", "t -> u", "t -> t < 1", "t -> t -> t", ""],
)
def test_functions_that_are_refused(text: str) -> None:
    with pytest.raises(ReadError, match=";"):
        read_function(text)


@pytest.mark.parametrize(
    ("value", "exact"),
    [
        (2, 2),
        (0.1, sp.Rational(1, 10)),
        (1e-5, sp.Rational(1, 100_000)),
        (Fraction(1, 3), sp.Rational(1, 3)),
        (Decimal("0.25"), sp.Rational(1, 4)),
        ("2/6", sp.Rational(1, 3)),
        (x, x),
    ],
)
def test_values_are_exact(value: Any, exact: Any) -> None:
    assert read_value(value) == exact and not sp.sympify(read_value(value)).has(sp.Float)


@pytest.mark.parametrize("value", [True, None, float("nan"), float("inf"), [1], b"1", Decimal("NaN")])
def test_values_that_are_no_numbers_are_refused(value: Any) -> None:
    with pytest.raises(ReadError):
        read_value(value)


@pytest.mark.parametrize(
    "name",
    ["", "1x", "_x", "x-y", "lambda", "E", "I", "exp", "x" * 32, "θ", "x@1", "__x", "a b", "<script>", None, "true"],
)
def test_names_that_are_refused(name: Any) -> None:
    with pytest.raises(GameError):
        check_name(name)


def test_names() -> None:
    assert (
        check_name("theta_1") == "theta_1" and check_name("x@1", memory=True) == "x@1" and memory_name("x", 2) == "x@2"
    )
    with pytest.raises(GameError, match="try theta"):
        check_name("θ")
    with pytest.raises(GameError):
        memory_name("x", 0)
    assert nearest("Gamma", ["gamma", "h"]) == "gamma" and nearest("zzz", ["gamma"]) is None
    for name in RESERVED:
        with pytest.raises(GameError):
            check_name(name)


WORDS = st.text("abcd", max_size=6)


@settings(max_examples=60, deadline=None)
@given(WORDS, WORDS, st.data())
def test_slips_are_counted_alike_both_ways_and_an_exchange_of_neighbours_is_one(a: str, b: str, data: Any) -> None:
    assert slips(a, b) == slips(b, a) and (slips(a, b) == 0) == (a == b)
    assert abs(len(a) - len(b)) <= slips(a, b) <= max(len(a), len(b))
    assert slips(a + "x" + b, a + b) == slips(a + "x" + b, a + "y" + b) == slips(a + "xy" + b, a + "yx" + b) == 1
    # A second road: Levenshtein's distance by its definition, no exchanges, is never smaller.
    assert slips(a, b) <= levenshtein(a, b)


def levenshtein(a: str, b: str) -> int:
    if not a or not b:
        return len(a) + len(b)
    rest = levenshtein(a[1:], b[1:])
    return rest if a[0] == b[0] else 1 + min(rest, levenshtein(a[1:], b), levenshtein(a, b[1:]))


@pytest.mark.parametrize(
    ("came", "meant"),
    [("tahn", "tanh"), ("tanhh", "tanh"), ("exo", "exp"), ("Tan", "tan"), ("sigmiod", "sigmoid")]
    + [
        ("softplsu", "softplus"),
        ("sof", "softplus"),
        ("besslek", "besselk"),
        ("cohs", "cosh"),
        ("hevyside", "heaviside"),
    ],
)
def test_a_misspelt_function_is_answered_with_the_nearest(came: str, meant: str | None) -> None:
    assert nearest(came, FUNCTION_NAMES) == meant


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(FUNCTION_NAMES), st.data())
def test_one_slip_in_a_long_name_leads_back_to_it(name: str, data: Any) -> None:
    if len(name) < 6:
        return
    place = data.draw(st.integers(0, len(name) - 2))
    exchanged = name[:place] + name[place + 1] + name[place] + name[place + 2 :]
    assert nearest(exchanged, FUNCTION_NAMES) == nearest(name[:place] + name[place + 1 :], FUNCTION_NAMES) == name


def test_a_name_that_stands_for_no_expression_is_refused() -> None:
    with pytest.raises(GameError):
        read("x", {"x": "os.system"})
