"""Real numbers known only by a ball, as atoms of formulas: what is exact in them is decided by their enclosures.

Main definition: `BallNumber`.
"""

from __future__ import annotations

from itertools import count
from typing import Any

import sympy as sp
from flint import arb

_SERIAL = count(1)
SHOWN = 12  # digits of its middle that are shown


class BallNumber(sp.NumberSymbol):
    """One real number, of which it is proved that it lies in a ball; equal to itself only.

    Math: coordinates of a fixed point without a formula, say, and derivatives there: polynomials in them have signs
        wherever enclosures show these. No relation between two such numbers is known.

    Shapes: shown as its middle, rounded to 12 digits.

    Reference: Moore (1966), Interval Analysis; Johansson (2017), arXiv:1611.02831, for balls.

    Examples:
        >>> c = BallNumber(arb("0.25 +/- 1e-9"))
        >>> c + 1, c.is_positive, (c - 1).is_number
        (0.25 + 1, True, True)
    """

    is_real = True
    __slots__ = ("ball", "serial")

    def __new__(cls, ball: arb) -> Any:
        made = sp.AtomicExpr.__new__(cls)
        made.ball, made.serial = ball, next(_SERIAL)
        return made

    def _hashable_content(self) -> tuple[int]:
        return (self.serial,)

    def _eval_is_positive(self) -> bool | None:
        return True if self.ball > 0 else False if self.ball <= 0 else None

    def _eval_is_negative(self) -> bool | None:
        return True if self.ball < 0 else False if self.ball >= 0 else None

    def _as_mpf_val(self, prec: int) -> Any:
        digits = self.ball.mid().str(max(SHOWN, int(prec / 3.3)), radius=False)
        return sp.Float(digits, precision=prec)._mpf_

    @property
    def decimal(self) -> Any:
        """Its middle, rounded to the digits shown."""
        return sp.Float(self.ball.mid().str(SHOWN, radius=False))

    def _sympystr(self, printer: Any) -> str:
        digits = str(self.ball.mid().str(SHOWN, radius=False))
        return digits.rstrip("0").rstrip(".") if "." in digits and "e" not in digits else digits

    def _latex(self, printer: Any) -> str:
        return self._sympystr(printer)
