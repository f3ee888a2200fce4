"""Verdicts from ball arithmetic: eigenvalues enclosed in discs, decided only when every disc is clear of the boundary.

Main definitions: `ball` (a number with its uncertainty), `enclosed_verdict`, `enclose` (a SymPy number as a real
ball), `Signs` (of polynomials in irrational numbers), `truth_at` (a Boolean at a rational point).
"""

from __future__ import annotations

from typing import Any

import flint
import sympy as sp
from flint import acb, acb_mat, arb, arb_mat

from bilevel.analysis.ball_number import BallNumber
from bilevel.language.root_counts import COUNTS, enclosed_count


def ball(value: Any) -> arb:
    """A ball unchanged, a float or SymPy Float as the ball of everything that rounds to it; integers and fractions
    exactly."""
    if isinstance(value, arb):
        return value
    if isinstance(value, float):
        value = sp.Float(value)
    if isinstance(value, sp.Float):
        middle = exact(value)
        return arb(middle) + arb(0, arb(abs(middle)) * arb(2) ** (1 - value._prec))
    return arb(exact(value))


def exact(value: Any) -> flint.fmpq:
    """The rational value of an integer, a fraction, or of the bits of a float."""
    number = sp.Rational(value)
    return flint.fmpq(int(number.p), int(number.q))


def enclosed_verdict(rows: list[list[Any]], time: str, precisions: tuple[int, ...] = (64, 160)) -> str | None:
    """ "stable" or "unstable" when the enclosed eigenvalues decide it, else None; never "marginal"."""
    saved = flint.ctx.prec
    try:
        for precision in precisions:
            flint.ctx.prec = precision
            try:
                values = acb_mat([[acb(ball(x)) for x in row] for row in rows]).eig(algorithm="vdhoeven_mourrain")
            except ValueError:
                answer = _by_powers([[ball(x) for x in row] for row in rows], time)
                if answer is not None:
                    return answer
                continue
            if time == "discrete":
                margins = [z.real * z.real + z.imag * z.imag - 1 for z in values]
            else:
                margins = [z.real for z in values]
            if any(m > 0 for m in margins):
                return "unstable"
            if all(m < 0 for m in margins):
                return "stable"
    finally:
        flint.ctx.prec = saved
    return None


def _by_powers(rows: list[list[arb]], time: str) -> str | None:
    """The same where eigenvalues coincide and cannot be told apart: a power of norm below 1, or of a trace above n.

    A flow is first taken to a map by Cayley's transform (1 - J)^{-1} (1 + J), which takes Re z < 0 onto |z| < 1.
    """
    n, power = len(rows), arb_mat(rows)
    if time == "continuous":
        one = arb_mat([[int(i == j) for j in range(n)] for i in range(n)])
        try:
            power = (one - power).solve(one + power)
        except (ZeroDivisionError, ValueError):
            return None
    for _ in range(12):
        if all(sum((abs(power[i, j]) for j in range(n)), arb(0)) < 1 for i in range(n)):
            return "stable"
        if abs(sum((power[i, i] for i in range(n)), arb(0))) > n:
            return "unstable"
        power = power * power
    return None


def enclose(
    expression: Any, values: Any = None, precision: int = 128, seen: dict[Any, arb] | None = None
) -> arb | None:
    """A real SymPy expression (symbols at the rational `values`) as a ball that contains it, or None where there is
    none. Expressions at the same values and precision may share what they have `seen`."""
    saved = flint.ctx.prec
    try:
        flint.ctx.prec = precision
        result = _walk(sp.sympify(expression, strict=True), values or {}, {} if seen is None else seen)
        return result if result.is_finite() else None
    except (NotImplementedError, ZeroDivisionError, ValueError):
        return None
    finally:
        flint.ctx.prec = saved


def lower_end(enclosed: arb) -> flint.fmpq:
    """The exact lower end of a ball."""
    return _dyadic(enclosed.mid()) - _dyadic(enclosed.rad())  # `lower` rounds to the working precision


def upper_end(enclosed: arb) -> flint.fmpq:
    """The exact upper end of a ball."""
    return _dyadic(enclosed.mid()) + _dyadic(enclosed.rad())


def _dyadic(end: arb) -> flint.fmpq:
    mantissa, exponent = end.man_exp()
    m, e = int(mantissa), int(exponent)
    return flint.fmpq(m * 2**e) if e >= 0 else flint.fmpq(m, 2**-e)


class Signs:
    """Signs of polynomials whose generators are numbers: by balls, and zero by minimal polynomials where all is
    algebraic."""

    def __init__(self, coordinates: Any) -> None:
        self.coordinates = coordinates
        self.algebraic = all(m.is_algebraic is True for m in coordinates.parameters)

    def __call__(self, polynomial: Any) -> int | None:
        value = self.coordinates.expression(polynomial)
        for precision in (64, 256, 1024):
            enclosed = enclose(value, precision=precision)
            if enclosed is None:
                return None
            if not enclosed.contains(0):
                return 1 if enclosed > 0 else -1
        if self.algebraic and value.count_ops() < 60:
            x = sp.Dummy("x")
            return 0 if sp.minimal_polynomial(value, x) == x else None
        return None


def truth_at(boolean: Any, values: Any) -> bool | None:
    """A Boolean of relationals at a rational point: by balls, exactly where a ball straddles zero, None where
    undefined."""
    quick = _truth(boolean, values, exactly=False)
    return _truth(boolean, values, exactly=True) if quick is None else quick


def _truth(boolean: Any, values: Any, *, exactly: bool) -> bool | None:
    if boolean in (sp.true, sp.false):
        return bool(boolean)
    if isinstance(boolean, sp.And | sp.Or):
        absorbing = isinstance(boolean, sp.Or)
        answers = [_truth(part, values, exactly=exactly) for part in boolean.args]
        return absorbing if absorbing in answers else (None if None in answers else not absorbing)
    if isinstance(boolean, sp.Not):
        inner = _truth(boolean.args[0], values, exactly=exactly)
        return None if inner is None else not inner
    gap = boolean.lhs - boolean.rhs
    difference = enclose(gap, values)
    if difference is not None and (difference.is_zero() or not difference.contains(0)):
        return _satisfies(0 if difference.is_zero() else 1 if difference > 0 else -1, boolean.rel_op)
    if not exactly:
        return None
    number = rational_value(gap, values)
    if number is not None:
        return _satisfies((number > 0) - (number < 0), boolean.rel_op)
    try:
        decided = boolean.subs(values)
    except TypeError:  # an end that is not real at this point
        return None
    return bool(decided) if decided in (sp.true, sp.false) else None


def _satisfies(sign: int, relation: str) -> bool:
    """Whether a number of this sign stands in the relation to zero."""
    return {">": sign > 0, ">=": sign >= 0, "<": sign < 0, "<=": sign <= 0, "==": sign == 0, "!=": sign != 0}[relation]


def rational_value(node: Any, values: Any) -> flint.fmpq | None:
    """The exact value of a rational expression at a rational point, None for anything else or a vanishing
    denominator."""
    if node in values or node.is_Rational:
        value = sp.sympify(values.get(node, node), strict=True)
        return exact(value) if value.is_Rational else None
    if not (node.is_Add or node.is_Mul or (node.is_Pow and node.exp.is_Integer) or isinstance(node, COUNTS)):
        return None
    arguments = node.args[:1] if node.is_Pow else node.args
    parts = [part for a in arguments if (part := rational_value(a, values)) is not None]
    if len(parts) < len(arguments):
        return None
    if node.is_Pow:
        return parts[0] ** int(node.exp) if parts[0] != 0 or node.exp > 0 else None
    if isinstance(node, COUNTS):
        return flint.fmpq(node.func.counted([(int(part.p), int(part.q)) for part in parts]))
    total = parts[0]
    for part in parts[1:]:
        total = total + part if node.is_Add else total * part
    return total


_PLAIN = ("exp", "log", "sin", "cos", "tan", "tanh", "sinh", "cosh", "atan", "erf", "erfc", "gamma")
BALL_METHODS = {
    **{name: name for name in _PLAIN},
    "Abs": "__abs__",
}


def _walk(node: Any, values: Any, seen: dict[Any, arb]) -> arb:
    """Each subexpression once: derivatives of one formula share most of theirs."""
    if node not in seen:
        seen[node] = _ball_of_node(node, values, seen)
    return seen[node]


def _ball_of_node(node: Any, values: Any, seen: dict[Any, arb]) -> arb:
    if node in values:
        return ball(values[node])
    if node.is_Rational or node.is_Float:
        return ball(node)
    if isinstance(node, BallNumber):
        return node.ball
    if node is sp.pi:
        return arb.pi()
    if node is sp.E:
        return arb(1).exp()
    if isinstance(node, sp.CRootOf) and node.is_real:
        return _ball_of_root(node)
    arguments = [_walk(a, values, seen) for a in node.args]
    if isinstance(node, sp.elliptic_e | sp.elliptic_k) and len(arguments) == 1:
        found = acb(arguments[0])
        return (found.elliptic_e() if isinstance(node, sp.elliptic_e) else found.elliptic_k()).real
    if isinstance(node, sp.besselk):
        return arguments[1].bessel_k(arguments[0])
    if isinstance(node, COUNTS):
        return _count(node, arguments, values)
    if node.is_Add:
        return sum(arguments[1:], arguments[0])
    if node.is_Mul:
        product = arb(1)
        for a in arguments:
            product = product * a
        return product
    if node.is_Pow:
        return _power(node, *arguments)
    name = BALL_METHODS.get(type(node).__name__)
    if name is not None and len(arguments) == 1:
        return getattr(arguments[0], name)()
    if type(node).__name__ == "sigmoid":
        return 1 / (1 + (-arguments[0]).exp())
    if type(node).__name__ == "softplus":
        return (1 + arguments[0].exp()).log()
    raise NotImplementedError(type(node).__name__)


def _count(node: Any, coefficients: list[arb], values: Any) -> arb:
    """A number of roots: exact at rational coefficients, by enclosures of the roots otherwise."""
    number = rational_value(node, values)
    found = enclosed_count(node, coefficients) if number is None else arb(number)
    if found is None:
        raise NotImplementedError("a root is not told from the boundary")
    return found


def _ball_of_root(root: Any) -> arb:
    """A ball around an indexed real algebraic number, as small as the working precision asks."""
    radius = sp.Rational(1, 2**flint.ctx.prec)
    return arb(exact(root.eval_rational(dx=radius))) + arb(0, 1) * arb(exact(radius))


def whole_power(base: arb, exponent: int) -> arb:
    """A ball to a whole power: python-flint gives nan for a ball around exactly zero."""
    if exponent > 0 and base.mid() == 0:
        reach = abs(base).upper() ** exponent
        return arb(0, reach) if base.rad() != 0 else arb(0)
    return base**exponent


def _power(node: Any, base: arb, exponent: arb) -> arb:
    if node.exp.is_Integer:
        return whole_power(base, int(node.exp))
    if node.exp == sp.Rational(1, 2):
        return base.sqrt()
    if node.exp == sp.Rational(-1, 2):
        return 1 / base.sqrt()
    return base**exponent
