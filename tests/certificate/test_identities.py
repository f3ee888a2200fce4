"""The field of atoms: laws it knows, non-laws it must not prove, and derivatives by two roads."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bilevel.certificate import CertificateError, check
from tests.certificate.truth import identity

SYMBOLS = {"x": "real", "y": "real", "p": "positive", "q": "positive", "n": "negative"}


def equal(left: Any, right: Any) -> bool:
    """Whether the checker proves an identity."""
    return check({"kind": "identity", "symbols": SYMBOLS, "left": left, "right": right}).ok


LAWS = [
    (["exp", ["+", "x", "y"]], ["*", ["exp", "x"], ["exp", "y"]]),
    (["exp", ["/", "x", "2"]], ["sqrt", ["exp", "x"]]),
    (["exp", ["*", "x", ["-", "y", "1"]]], ["/", ["exp", ["*", "x", "y"]], ["exp", "x"]]),
    (["exp", ["log", "x"]], "x"),
    (["exp", ["*", "3/2", ["log", "p"]]], ["*", "p", ["sqrt", "p"]]),
    (["log", ["exp", ["*", "x", "y"]]], ["*", "x", "y"]),
    (["log", ["*", "p", "q"]], ["+", ["log", "p"], ["log", "q"]]),
    (["log", ["sqrt", ["+", "1", ["^", "x", 2]]]], ["*", "1/2", ["log", ["+", ["^", "x", 2], "1"]]]),
    (["log", "12"], ["+", ["*", "2", ["log", "2"]], ["log", "3"]]),
    (["sqrt", ["^", "p", 2]], "p"),
    (["sqrt", ["^", "n", 2]], ["-", "n"]),
    (["sqrt", "12"], ["*", "2", ["sqrt", "3"]]),
    (["*", ["sqrt", "2"], ["sqrt", "3"]], ["sqrt", "6"]),
    (["/", "1", ["-", ["sqrt", "2"], "1"]], ["+", ["sqrt", "2"], "1"]),
    (["^", ["abs", "x"], 2], ["^", "x", 2]),
    (["max", "x", "y"], ["-", ["+", "x", "y"], ["min", "x", "y"]]),
    (["tanh", "x"], ["-", ["*", "2", ["sigmoid", ["*", "2", "x"]]], "1"]),
    (["softplus", "x"], ["+", "x", ["softplus", ["-", "x"]]]),
    (["+", ["^", ["cosh", "x"], 2], ["-", ["^", ["sinh", "x"], 2]]], "1"),
    (["sin", ["-", "x"]], ["-", ["sin", "x"]]),
    (["^", "p", "x"], ["exp", ["*", "x", ["log", "p"]]]),
    (["sqrt", ["/", "1", ["-", "x", "1"]]], ["/", "1", ["sqrt", ["-", "x", "1"]]]),
]
FALSE = [
    (["sqrt", ["^", "x", 2]], "x"),
    (["sqrt", ["^", "n", 2]], "n"),
    (["log", ["^", "x", 2]], ["*", "2", "x"]),
    (["exp", ["*", "x", "y"]], ["*", ["exp", "x"], ["exp", "y"]]),
    (["cos", ["-", "x"]], ["-", ["cos", "x"]]),
    (["abs", ["+", "x", "y"]], ["+", ["abs", "x"], ["abs", "y"]]),
    (["call", "f", [0], "x"], ["call", "f", [1], "x"]),
    (["call", "f", [0], "x"], ["call", "g", [0], "x"]),
    (["log", "-2"], ["log", "-2"]),
    (["sqrt", ["-", ["+", "1", ["^", "x", 2]]]], ["sqrt", ["-", ["+", ["^", "x", 2], "1"]]]),
    (["/", "x", ["-", "x", "x"]], "1"),
]


@pytest.mark.parametrize(("left", "right"), LAWS)
def test_laws_are_proved(left: Any, right: Any) -> None:
    assert equal(left, right) and equal(right, left)


@pytest.mark.parametrize(("left", "right"), FALSE)
def test_what_is_false_or_about_nothing_is_not_proved(left: Any, right: Any) -> None:
    try:
        proved = equal(left, right)
    except CertificateError:
        proved = False
    assert not proved


LEAVES = st.sampled_from(["x", "y", "p", "n", "2", "-1/3"])


def _grow(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    two = st.tuples(st.sampled_from(["+", "*", "-", "/"]), inner, inner)
    one = st.tuples(st.sampled_from(["exp", "log", "sqrt", "sin", "abs", "softplus", "-"]), inner)
    return (two | one).map(list) | st.tuples(inner, st.integers(-2, 3)).map(lambda pair: ["^", *pair])


TREES = st.recursive(LEAVES, _grow, max_leaves=5)


@settings(max_examples=30, deadline=None)
@given(TREES, TREES)
def test_whatever_is_proved_is_true(left: Any, right: Any) -> None:
    for other in (right, ["sqrt", ["^", left, 2]], ["log", ["exp", left]], ["*", right, ["/", left, right]]):
        certificate = {"kind": "identity", "symbols": SYMBOLS, "left": left, "right": other}
        try:
            proved = check(certificate).ok
        except CertificateError:
            continue
        assert not proved or identity(certificate) in (True, None)


def test_functions_without_derivative_are_refused() -> None:
    for function in (["abs", "x"], ["max", "x", "0"], ["sqrt", ["^", "x", 2]]):
        certificate = {
            "kind": "jacobian",
            "symbols": {"x": "real"},
            "order": ["x"],
            "functions": [function],
            "at": {"x": "0"},
            "rows": [["0"]],
        }
        with pytest.raises(CertificateError, match="derivative"):
            check(certificate)


def test_unknown_functions_obey_the_chain_rule() -> None:
    certificate = {
        "kind": "derivative",
        "symbols": SYMBOLS,
        "of": ["call", "f", [0, 1], ["*", "x", "y"], ["exp", "x"]],
        "in": "x",
        "is": [
            "+",
            ["*", "y", ["call", "f", [1, 1], ["*", "y", "x"], ["exp", "x"]]],
            ["*", ["exp", "x"], ["call", "f", [0, 2], ["*", "y", "x"], ["exp", "x"]]],
        ],
    }
    assert check(certificate).ok
    assert not check({**certificate, "in": "y"}).ok
