"""What is found about fixed points: each one with its kind, and whether they are all.

Main definitions: `Equilibrium`, `Equilibria`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from bilevel.analysis.writing import DIGITS, shown


@dataclass(frozen=True)
class Equilibrium:
    """A fixed point: where it is and where it exists, what kind of equilibrium, the second-order tests behind that.

    Math: `point` gives each variable's value (a variable `free` along a continuum stands for itself); `exists_on` is
        the set of parameters where it is a real point; `tests` are the matrices whose definiteness decides `kinds`.

    Shapes: `box`, for an enclosed point, gives each variable an interval (low, high) that holds exactly one zero.

    Reference: Jin, Netrapalli, Jordan (2020), arXiv:1902.00618; Fiez, Chasnov, Ratliff (2020), arXiv:1906.01217.

    Examples:
        >>> x = sp.Symbol("x", real=True)
        >>> str(Equilibrium({x: sp.S.Zero}, ("Nash (strict)",)))
        'x = 0: Nash (strict)'
        >>> k = sp.Symbol("k", positive=True)
        >>> str(Equilibrium({x: sp.sqrt(1 - k)}, ("Nash (strict)",), k < 1))
        'x = sqrt(1 - k), where k < 1: Nash (strict)'
    """

    point: Mapping[Any, Any]
    kinds: tuple[str, ...] = ()
    exists_on: Any = sp.true
    known: str = "exact"
    free: tuple[Any, ...] = ()
    tests: Mapping[str, Any] = field(default_factory=dict)
    box: Mapping[Any, tuple[Any, Any]] | None = None

    def __str__(self) -> str:
        place = ", ".join(_at(v, value) for v, value in self.point.items() if v not in self.free)
        free = f"{', '.join(map(str, self.free))} free" if self.free else ""
        exists = f"where {shown(self.exists_on)}" if self.exists_on not in (None, sp.true) else ""
        return f"{', '.join(filter(None, (place, free, exists)))}: {', '.join(self.kinds) or 'no kind decided'}"


def _at(variable: Any, value: Any) -> str:
    """A coordinate in words; what rests on roots of polynomials without a formula in twelve digits."""
    if isinstance(value, sp.Basic) and value.has(sp.CRootOf) and not value.free_symbols:
        return f"{variable} ≈ {sp.N(value, DIGITS)}"
    return f"{variable} = {value}"


@dataclass(frozen=True)
class Equilibria:
    """The fixed points found; `complete` when every real isolated one is proved to be among them, else `reason` says
    what is open.

    Math: see `Equilibrium`.

    Reference: see `equilibria`.

    Examples:
        >>> Equilibria((), True).complete
        True
    """

    points: tuple[Equilibrium, ...]
    complete: bool
    reason: str = ""

    def __str__(self) -> str:
        lines = [str(point) for point in self.points] or ["no fixed point found"]
        return "\n".join([*lines, "these are all" if self.complete else f"there may be others: {self.reason}"])
