"""SymPy to certificate trees and back: the same value, and certificates of SymPy's own derivatives."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sympy as sp

from bilevel.certificate import check
from bilevel.language.errors import GameError
from bilevel.language.functions import sigmoid, softplus
from bilevel.language.tree import from_tree, symbol_table, to_tree

X, Y = sp.symbols("x y", real=True)
P = sp.Symbol("p", positive=True)
NAMES = {"x": X, "y": Y, "p": P}
SYMBOLS = {"x": "real", "y": "real", "p": "positive"}
F = sp.Function("F")
EXPRESSIONS = [
    X * Y - sp.Rational(3, 7) / P,
    -sp.log(1 + sp.exp(-X * Y)) + sp.E * sp.pi,
    sp.sqrt(P) ** 3 + P ** sp.Rational(-1, 2) + P**X,
    sp.tanh(X) * sp.sin(Y) + sp.cosh(X) / sp.cos(Y) + sp.tan(X),
    sigmoid(X * Y) * softplus(-X),
    sp.Abs(X) + sp.Max(X, Y, 1) - sp.Min(X, P),
    F(X * Y) + F(X).diff(X, 2) * F(P).diff(P).subs(P, 2),
    sp.Function("g")(X, Y).diff(X, Y, Y),
]


@pytest.mark.parametrize("expr", EXPRESSIONS)
def test_there_and_back(expr: Any) -> None:
    tree = json.loads(json.dumps(to_tree(expr)))
    assert sp.simplify((from_tree(tree, NAMES) - expr).doit()) == 0


@pytest.mark.parametrize("expr", EXPRESSIONS)
def test_derivatives_of_sympy_pass_the_checker(expr: Any) -> None:
    if expr.has(sp.Max, sp.Abs):
        return
    certificate = {
        "kind": "derivative",
        "symbols": {**SYMBOLS, "pi": "positive"},
        "of": to_tree(expr),
        "in": "x",
        "is": to_tree(sp.diff(expr, X).doit()),
    }
    assert check(certificate).ok
    assert not check({**certificate, "is": ["+", certificate["is"], "1/1000"]}).ok


def test_relations_become_trees() -> None:
    assert to_tree(P**2 <= 1) == ["<=", ["^", "p", 2], "1"]


@pytest.mark.parametrize("thing", [sp.Float("0.1") * X, sp.oo, sp.I * X, sp.Symbol("a b"), sp.Integral(F(X), X)])
def test_what_a_certificate_cannot_hold_is_refused(thing: Any) -> None:
    with pytest.raises(GameError, match="certificate"):
        to_tree(thing)


def test_the_table_of_symbols_says_what_is_assumed() -> None:
    words = {"a": "negative", "b": "nonnegative", "c": "nonpositive", "d": "nonzero"}
    symbols = [sp.Symbol(name, real=True, **{word: True}) for name, word in words.items()]
    assert symbol_table([*symbols, X, P]) == {**words, "x": "real", "p": "positive"}
    with pytest.raises(GameError, match="twice"):
        symbol_table([X, sp.Symbol("x")])
    with pytest.raises(GameError, match="not real"):
        symbol_table([sp.Symbol("z", imaginary=True, zero=False)])


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(GameError, match="'z'"):
        from_tree(["+", "x", "z"], NAMES)
