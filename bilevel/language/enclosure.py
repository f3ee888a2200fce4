"""Is a number zero? Rational arithmetic, enclosures by ball arithmetic, or quadrature that is told as such.

Main definitions: `differ`, `enclosure`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flint
import sympy as sp

from bilevel.language.functions import sigmoid, softplus
from bilevel.language.instance import PendingExpectation
from bilevel.language.laws import Normal

BITS = 256
SMOOTH = ("tan", "sinh", "cosh", "atan", "asin", "acos", "asinh", "acosh", "atanh", "erf", "erfc", "gamma")


def differ(difference: Any) -> str:
    """'exact' if a number is proved not to be zero, 'float' if quadrature says so, '' if it may be zero."""
    if difference.is_Rational:
        return "exact" if difference != 0 else ""
    if not difference.atoms(PendingExpectation):
        ball = enclosure(difference)
        return "exact" if ball is not None and not ball.contains(flint.arb(0)) else ""
    coarse, fine = (_by_quadrature(difference, nodes) for nodes in (16, 28))
    return "float" if abs(fine) > 1e-6 and abs(coarse - fine) < 1e-3 * abs(fine) else ""


def enclosure(expr: Any) -> Any:
    """A ball (python-flint arb) that contains the value of a number, or None where none is known."""
    before, flint.ctx.prec = flint.ctx.prec, BITS
    try:
        ball = _ball(expr)
        return ball if ball is not None and ball.is_finite() else None
    finally:
        flint.ctx.prec = before


def _ball(expr: Any) -> Any:
    if expr.is_Rational:
        return flint.arb(flint.fmpq(int(expr.p), int(expr.q)))
    if expr is sp.pi:
        return flint.arb.pi()
    if expr is sp.E:
        return flint.arb(1).exp()
    parts = [_ball(arg) for arg in expr.args]
    if not parts or any(p is None for p in parts):
        return None
    if isinstance(expr, sp.Add):
        return sum(parts[1:], parts[0])
    if isinstance(expr, sp.Mul):
        product = parts[0]
        for part in parts[1:]:
            product = product * part
        return product
    if isinstance(expr, sp.Pow):
        if expr.exp.is_Integer:
            return parts[0] ** int(expr.exp)
        return (parts[0].log() * parts[1]).exp() if parts[0] > 0 else None
    known: dict[Any, Callable[..., Any]] = {
        sp.log: lambda x: x.log(),
        sp.exp: lambda x: x.exp(),
        sp.Abs: abs,
        sp.tanh: lambda x: x.tanh(),
        sp.sin: lambda x: x.sin(),
        sp.cos: lambda x: x.cos(),
        **{getattr(sp, name): _method(name) for name in SMOOTH},
        sigmoid: lambda x: 1 / (1 + (-x).exp()),
        softplus: lambda x: (1 + x.exp()).log(),
        sp.Max: lambda *xs: _largest(xs),
        sp.Min: lambda *xs: -_largest([-x for x in xs]),
    }
    rule = known.get(expr.func)
    return rule(*parts) if rule else None


def _method(name: str) -> Callable[..., Any]:
    return lambda x: getattr(x, name)()


def _largest(balls: Any) -> Any:
    result = balls[0]
    for ball in balls[1:]:
        result = result.max(ball)
    return result


def _by_quadrature(expr: Any, count: int) -> float:
    """Value with every pending expectation taken by Gauss quadrature (not an enclosure)."""
    import numpy

    def value(node: Any) -> Any:
        symbols = [s for s, _ in node.drawn]
        grids, weights = [], []
        for _, law in node.drawn:
            rule = (
                numpy.polynomial.hermite_e.hermegauss if isinstance(law, Normal) else numpy.polynomial.legendre.leggauss
            )
            points, mass = rule(count)
            grids.append(points if isinstance(law, Normal) else (points + 1) / 2)
            weights.append(mass / mass.sum())
        mesh, masses = numpy.meshgrid(*grids, indexing="ij"), numpy.meshgrid(*weights, indexing="ij")
        body = sp.lambdify(
            symbols,
            node.body,
            modules=[
                {"sigmoid": lambda x: 1 / (1 + numpy.exp(-x)), "softplus": lambda x: numpy.logaddexp(0, x)},
                "numpy",
            ],
        )
        with numpy.errstate(all="ignore"):  # outside the domain the value is nan, which refutes nothing
            return sp.Float(float(numpy.sum(body(*mesh) * numpy.prod(masses, axis=0))))

    return float(expr.replace(lambda e: isinstance(e, PendingExpectation), value).evalf())
