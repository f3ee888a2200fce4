"""Scalar functions a rule may need, the same in all three readings: exponential, and a choice between two formulas.

Main definitions: `exponential`, `where_below`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import sympy as sp

from bilevel.language.errors import UnknownAnswer
from bilevel.rules.protocol.dual import Dual, settle


def exponential(scalar: Any) -> Any:
    """exp of a scalar."""
    if isinstance(scalar, Dual):
        value = sp.exp(scalar.value)
        return Dual(value, {key: value * entry for key, entry in scalar.row.items()})
    if isinstance(scalar, sp.Basic):
        return sp.exp(scalar)
    return _arrays(scalar).exp(scalar)


def where_below(left: Any, right: Any, then: Callable[[], Any], otherwise: Callable[[], Any]) -> Any:
    """`then()` where left < right, else `otherwise()`; only arrays evaluate both.

    The linear reading decides by the values at the point, which must be known to differ or to be equal and constant
    there.
    """
    if isinstance(left, Dual) or isinstance(right, Dual):
        gap = left - right if isinstance(left, Dual) else -(right - left)
        value = settle(gap.value)
        if value == 0 and not gap.settled().row:
            return otherwise()
        below = value.is_negative
        if below is None or value == 0:
            raise UnknownAnswer(
                f"the rule chooses by the sign of {value}, which is undecided at the point",
                next_step="give numbers, or parameters whose signs are declared",
            )
        return then() if below else otherwise()
    if isinstance(left, sp.Basic) and isinstance(right, sp.Basic):
        return sp.Piecewise((then(), left < right), (otherwise(), True))
    sample = right if isinstance(left, sp.Basic) else left
    plain = [float(side) if isinstance(side, sp.Basic) else side for side in (left, right)]
    return _arrays(sample).where(plain[0] < plain[1], then(), otherwise())


def _arrays(sample: Any) -> Any:
    """The array library a number belongs to, by the array API standard; plain floats use `math`."""
    return sample.__array_namespace__() if hasattr(sample, "__array_namespace__") else _Plain


class _Plain:
    exp = staticmethod(math.exp)

    @staticmethod
    def where(test: bool, then: Any, otherwise: Any) -> Any:
        return then if test else otherwise
