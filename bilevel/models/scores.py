"""Scores: the function f of a GAN written as E f(D(fake)) + E f(-D(real)).

Main definitions: `score`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from bilevel.language.errors import GameError
from bilevel.language.functions import softplus
from bilevel.language.known_function import known_function

_F0, _F1, _F2 = sp.Symbol("f0", real=True), sp.Symbol("f1", real=True, nonzero=True), sp.Symbol("f2", real=True)

_NAMED: dict[str, Callable[[Any], Any]] = {
    "logistic": lambda t: -softplus(-t),
    "wasserstein": lambda t: t,
    "least squares": lambda t: -((1 - t) ** 2) / 2,
    "unspecified": known_function("f", ((sp.S.Zero, (_F0, _F1, _F2)),)),
}


def score(f: str | Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The score of that name, or the function itself.

    Math: "logistic" -log(1 + exp(-t)); "wasserstein" t; "least squares" -(1 - t)^2/2; "unspecified": only f(0) = f0,
        f'(0) = f1, not zero, and f''(0) = f2 are known.

    Raises: GameError if there is no score of that name.

    Reference: Nagarajan and Kolter (2017), arXiv:1706.04156, equation 1; Mescheder et al. (2018), arXiv:1801.04406.

    Examples:
        >>> t = sp.Symbol("t", real=True)
        >>> score("logistic")(t).diff(t).subs(t, 0), score("unspecified")(t).diff(t).subs(t, 0)
        (1/2, f1)
    """
    if isinstance(f, str):
        if f not in _NAMED:
            raise GameError(f"f is one of {', '.join(map(repr, _NAMED))}, or a function of one number; got {f!r}")
        return _NAMED[f]
    return f
