"""Text of the leaves of an expression, and the refusal of what has no text.

Main definitions: `symbol_text`, `number_text`, `refuse_text`, and how strongly each operation binds.
"""

from __future__ import annotations

from typing import Any, NoReturn

import sympy as sp
from sympy.core.function import AppliedUndef

from bilevel.language.errors import GameError
from bilevel.language.names import name_problem

__all__ = ["AND", "ATOM", "NOT", "OR", "POWER", "PRODUCT", "SUM", "number_text", "refuse_text", "symbol_text"]

OR, AND, NOT, SUM, PRODUCT, POWER, ATOM = 1, 2, 3, 5, 7, 9, 10
_DIGITS = 1_000  # as many as the reader takes


def symbol_text(e: sp.Symbol) -> str:
    """A symbol by its name, which is checked."""
    problem = name_problem(e.name, memory=True)
    if problem or isinstance(e, sp.Dummy) or not e.is_commutative:
        problem = problem or f"{e.name!r} is an auxiliary or noncommutative one"
        raise GameError(f"a symbol cannot be written as text: {problem}; substitute a plain symbol")
    return e.name


def number_text(e: Any) -> tuple[str, int]:
    """A number or named constant, and how strongly its text binds."""
    if e is sp.I:
        return "I", ATOM
    if e is sp.pi:
        return "pi", ATOM
    if e is sp.E:
        return "exp(1)", ATOM
    if e.is_Float and e.is_finite:
        text = repr(float(e))
        if text in ("inf", "-inf", "nan") or (float(e) == 0 and e != 0):
            refuse_text(e, "rescale it")
        return text, SUM if text.startswith("-") else ATOM
    if not e.is_Rational:
        refuse_text(e)
    if max(abs(e.p), e.q) >= 10**_DIGITS:
        raise GameError(
            f"a number of more than {_DIGITS} digits cannot be written as text; round it, or use its enclosure"
        )
    return str(e), SUM if e < 0 else ATOM if e.is_Integer else PRODUCT


def refuse_text(e: Any, advice: str = "") -> NoReturn:
    """Say what has no text, and what to do instead."""
    shown = str(e) if len(str(e)) <= 60 else str(e)[:60] + "..."
    if not advice:
        if isinstance(e, (AppliedUndef, sp.Derivative, sp.Subs)):
            advice = "give the unknown function a definition, or symbols for its values and derivatives"
        elif isinstance(e, sp.Piecewise):
            advice = "write each case by itself"
        elif isinstance(e, sp.polys.rootoftools.ComplexRootOf):
            advice = "write its polynomial, or its value enclosed by evalf"
        else:
            advice = "rewrite it with + - * / ^ and the functions of the reader"
    raise GameError(f"{shown} ({type(e).__name__}) cannot be written as text; {advice}")
