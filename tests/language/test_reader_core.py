"""The reader: grammar, exactness, messages, budgets."""

from __future__ import annotations

import pytest
import sympy as sp

from bilevel.language.errors import ReadError
from bilevel.language.reader import read, read_function

x, y = sp.symbols("x y", real=True)
h = sp.Symbol("h", positive=True)
NAMES = {"x": x, "y": y, "h": h}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2*3", sp.Integer(7)),
        ("2^3^2", sp.Integer(512)),
        ("-2^2", sp.Integer(-4)),
        ("2^-1", sp.Rational(1, 2)),
        ("x/-y*h", -x * h / y),
        ("x/y/h", x / (y * h)),
        ("x - y - h", x - y - h),
        ("0.1", sp.Rational(1, 10)),
        ("1e-3", sp.Rational(1, 1000)),
        (".5", sp.Rational(1, 2)),
        ("x**2", x**2),
        ("x^(1/2)", sp.sqrt(x)),
        ("-x*y^2", -x * y**2),
        ("--x", x),
        ("x < y", x < y),
        ("x < y <= 1", sp.And(x < y, y <= 1)),
        ("x == 1", sp.Eq(x, 1)),
        ("x != 1", sp.Ne(x, 1)),
        ("not x < y", x >= y),
        ("x < 1 or y < 1 and x > y", sp.Or(x < 1, sp.And(y < 1, x > y))),
        ("true", sp.true),
        ("h > 0", sp.true),
        ("max(x, y, 1)", sp.Max(x, y, 1)),
        ("abs(-h)", h),
        ("x/(2*(x + y))", sp.Mul(x, sp.Rational(1, 2), 1 / (x + y))),
        ("-(x + y)*(x - y)", sp.Mul(-1, x + y, x - y)),
        ("\n  x\n + 1", x + 1),
    ],
)
def test_grammar(text: str, value: sp.Basic) -> None:
    assert read(text, NAMES) == value


@pytest.mark.parametrize(
    "text",
    [
        "9**9**9",
        "((64^64)^64)^64",
        "1e999999999",
        "exp(1000000000*log(2))",
        "(2^(1000*x))^(1000/x)",
        "exp(exp(exp(10)))",
        "exp(exp(exp(exp(10)))) < 1",
        "exp(1000000000*x)^(log(2)/x)",
        "exp(1000)^1000",
        "*".join(["2"] * 20000),
        "1" * 5000,
        "(" * 300 + "x",
        "x^" * 500 + "x",
        "x" * 300_000,
    ],
)
def test_what_would_be_too_large_is_refused_and_never_computed(text: str) -> None:
    with pytest.raises(ReadError):
        read(text, NAMES)


def test_long_flat_texts_are_read() -> None:
    assert read("+".join(["x"] * 20_000), NAMES) == 20_000 * x
    assert read("-" * 3_000 + "x", NAMES) == x


@pytest.mark.parametrize(
    "text", ["0^-1", "1/(x - x)", "tan(pi/2)", "log(0)", "sqrt(-1)", "log(-1)", "(-8)^(1/3)", "x/0"]
)
def test_what_has_no_real_value_is_refused(text: str) -> None:
    with pytest.raises(ReadError):
        read(text, NAMES)


@pytest.mark.parametrize(
    ("text", "column", "word"),
    [
        ("x + gama", 5, "declare"),
        ("x + hh", 5, "h"),
        ("x +", 4, "end"),
        ("(x", 1, "closed"),
        ("x)", 2, "remove"),
        ("2x", 2, "2*x"),
        ("x = 1", 3, "=="),
        ("γ", 1, "gamma"),
        ("x−1", 2, "-"),
        ("x and y", 3, "comparison"),
        ("sin(1, 2)", 1, "one argument"),
        ("I", 1, "imaginary"),
        ("E(x)", 1, "random"),
        ("", 1, "empty"),
        ("x & y", 3, "and"),
        ("x(2)", 1, "*"),
        ("Max(x)", 1, "max"),
    ],
)
def test_messages_name_the_column_and_what_to_try(text: str, column: int, word: str) -> None:
    with pytest.raises(ReadError) as caught:
        read(text, NAMES)
    assert caught.value.column == column
    assert word in str(caught.value)


def test_functions_are_substituted_within_the_budget() -> None:
    square = read_function("t -> t^1000")
    assert read("f(x)", NAMES, {"f": square}) == x**1000
    with pytest.raises(ReadError):
        read("f(f(f(2)))", NAMES, {"f": square})
    assert read("g(x, 2)", NAMES, {"g": read_function("(s, t) -> s*t + h", NAMES)}) == 2 * x + h


def test_the_imaginary_unit_only_where_it_is_allowed() -> None:
    assert read("1 + I*sqrt(3)", imaginary=True) == 1 + sp.I * sp.sqrt(3)
    assert read("sqrt(-4)", imaginary=True) == 2 * sp.I
