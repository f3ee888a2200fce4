"""Expressions and conditions as plain Python source, in forms that neither overflow nor cancel.

Main definitions: `SourcePrinter`, `python_function`, `stable_form`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp
from sympy.printing.pycode import PythonCodePrinter

from bilevel.language.errors import GameError
from bilevel.language.functions import sigmoid, softplus
from bilevel.language.names import check_name

_PLAIN = (
    sp.exp, sp.log, sp.sin, sp.cos, sp.tan, sp.asin, sp.acos, sp.atan, sp.atan2, sp.sinh, sp.cosh, sp.tanh, sp.asinh,
    sp.acosh, sp.atanh, sp.erf, sp.erfc, sp.gamma, sp.loggamma, sp.Abs, sp.sign, sp.floor, sp.ceiling, sp.Max, sp.Min,
    sp.Piecewise,
)  # fmt: skip


class SourcePrinter(PythonCodePrinter):
    """Plain Python with `math` only; refuses what it cannot print and every unsafe name."""

    def __init__(self) -> None:
        super().__init__({"fully_qualified_modules": True})

    def formula(self, expr: Any) -> str:
        """The source of an expression or a condition."""
        return str(self.doprint(stable_form(expr)))

    def _print_Symbol(self, expr: sp.Symbol) -> str:
        return check_name(expr.name)

    def _print_sigmoid(self, expr: sp.Basic) -> str:
        inner = self._print(expr.args[0])
        return f"(math.exp(min({inner}, 0.0))/(1.0 + math.exp(-abs({inner}))))"

    def _print_softplus(self, expr: sp.Basic) -> str:
        inner = self._print(expr.args[0])
        return f"(max({inner}, 0.0) + math.log1p(math.exp(-abs({inner}))))"

    def _print_Function(self, expr: sp.Function) -> str:
        raise GameError(f"{expr} has no plain Python form; instantiate the function first")

    def _print_CRootOf(self, expr: Any) -> str:
        return repr(float(expr.evalf(20)))

    _print_ComplexRootOf = _print_CRootOf


def stable_form(expr: Any) -> Any:
    """The same expression with logistic functions recognised: log(1 + exp u), exp(u)/(1 + exp(u)), 1/(1 + exp u).

    Math: for c, d > 0: log(c e^u + d e^v) = log c + u + softplus(v - u + log(d/c)); 1/(c + d e^u) = sigmoid(-s)/c and
        e^u/(c + d e^u) = sigmoid(s)/d with s = u + log(d/c).

    Reference: Higham (2002), Accuracy and Stability of Numerical Algorithms, section 1.

    Examples:
        >>> x = sp.Symbol("x", real=True)
        >>> stable_form(sp.log(1 + sp.exp(x))), stable_form(sp.exp(x) / (1 + sp.exp(x)) ** 2)
        (softplus(x), sigmoid(-x)*sigmoid(x))
    """
    if not isinstance(expr, sp.Basic) or not expr.args:
        return expr
    if isinstance(expr, sp.Mul | sp.Pow):
        return _product(expr)
    args = [stable_form(arg) for arg in expr.args]
    if isinstance(expr, sp.log) and (pair := _pair(expr.args[0])):
        (c, u), (d, v) = pair
        return sp.log(c) + stable_form(u) + softplus(stable_form(v - u) + sp.log(d / c))
    return expr.func(*args)


def _pair(expr: Any) -> Any:
    """(c, u), (d, v) of c e^u + d e^v with positive numbers c, d; the constant, if any, first."""
    if not isinstance(expr, sp.Add) or len(expr.args) != 2:
        return None
    found = []
    for term in expr.args:
        number, rest = term.as_coeff_Mul()
        if not number.is_positive or not (rest == 1 or isinstance(rest, sp.exp)):
            return None
        found.append((number, sp.S.Zero if rest == 1 else rest.args[0]))
    found.sort(key=lambda part: part[1] != 0)
    return found if found[1][1] != 0 else None


def _product(expr: Any) -> Any:
    """A product with its logistic denominators taken together with the exponentials above them."""
    powers = [factor.as_base_exp() for factor in sp.Mul.make_args(expr)]
    exponent = sp.Add(*(base.args[0] * power for base, power in powers if isinstance(base, sp.exp)))
    exponent += sp.Add(*(power for base, power in powers if base is sp.E))
    rest = [(base, power) for base, power in powers if not isinstance(base, sp.exp) and base is not sp.E]
    done: list[Any] = []
    for base, power in rest:
        pair = _pair(base) if power.is_Integer and power.is_negative else None
        if pair is None:
            done.append(stable_form(base) ** stable_form(power))
            continue
        (c, u), (d, v) = pair
        shift, count = sp.expand(v - u), -int(power)
        share = sp.expand(exponent / shift).as_coeff_Add()[0] if shift != 0 else sp.S.Zero
        above = max(0, min(count, int(sp.floor(share)) if share.is_number and share.is_real else 0))
        exponent = sp.expand(exponent - above * shift - count * u)
        s = stable_form(shift) + sp.log(d / c)
        done.append(sigmoid(s) ** above * sigmoid(-s) ** (count - above) / (d**above * c ** (count - above)))
    whole = sp.Mul(*done)
    return whole * sp.exp(stable_form(exponent)) if exponent != 0 else whole


def python_function(formula: Any, name: str = "value", arguments: Sequence[Any] = ()) -> str:
    """Source of a Python function of the formula's symbols, by name, that runs with the standard library alone.

    Math: the formula's value; a condition gives a bool. `arguments` come first and by position.

    Raises: GameError for functions without a plain form, and for unsafe names.

    Reference: PEP 3102, keyword-only arguments.

    Examples:
        >>> h, g = sp.symbols("h g", positive=True)
        >>> print(python_function(h**2 / 4 + 2*g*h < 4, "stable"))
        import math
        <BLANKLINE>
        <BLANKLINE>
        def stable(*, g, h):
            return (2*g*h + (1/4)*h**2 < 4)
        <BLANKLINE>
    """
    check_name(name)
    given = [check_name(s.name) for s in arguments]
    others = sorted(check_name(s.name) for s in formula.free_symbols - set(arguments))
    if formula in (sp.true, sp.false):
        body = str(bool(formula))
    else:
        for part in sp.preorder_traversal(formula):
            if isinstance(part, sp.Function) and not isinstance(part, (*_PLAIN, sigmoid, softplus)):
                raise GameError(f"{part} has no plain Python form; instantiate the function first")
        body = SourcePrinter().formula(formula)
    heads = ", ".join([*given, *(["*", *others] if others else [])])
    return f"import math\n\n\ndef {name}({heads}):\n    return {body}\n"
