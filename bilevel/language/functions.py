r"""Scalar functions that SymPy lacks: the logistic sigmoid and the softplus.

Main definitions: `sigmoid`, `softplus`.

`log(1 + exp(x))` overflows at x = 1000 when it is computed as it is written, and its derivative becomes 0/0. As
functions of their own the two are closed under differentiation, exact at 0, and every printer can choose a stable form.
"""

from __future__ import annotations

from typing import Any

import mpmath
import sympy as sp
from sympy.multipledispatch import dispatch

__all__ = ["sigmoid", "softplus"]

LONGEST = 60  # operations in a logarithm up to which it is looked at as a quotient


class _RealFunction(sp.Function):
    """A smooth function of one variable that is real, finite and positive at every real number."""

    nargs = 1

    def _eval_is_extended_positive(self) -> bool | None:
        return True if self.args[0].is_real else None

    def _eval_is_extended_real(self) -> bool | None:
        return True if self.args[0].is_real else None

    def _eval_is_finite(self) -> bool | None:
        return True if self.args[0].is_real else None

    def _eval_is_zero(self) -> bool | None:
        return False if self.args[0].is_real else None

    def _eval_conjugate(self) -> sp.Expr | None:
        return self if self.args[0].is_real else self.func(self.args[0].conjugate())

    def _eval_evalf(self, prec: int) -> sp.Expr | None:
        with mpmath.workprec(prec + 10):
            try:
                value = self.numerically(self.args[0]._to_mpmath(prec + 10))
            except ValueError:  # the argument is no number
                return None
            return sp.Expr._from_mpmath(value, prec)

    def _eval_rewrite_as_tractable(self, arg: sp.Expr, limitvar: Any = None, **kwargs: Any) -> sp.Expr:
        return self._eval_rewrite_as_exp(arg)


def _power_of_e(x: sp.Expr) -> sp.Expr | None:
    """exp(x) where that is a rational number: x a whole combination of logarithms of rational numbers."""
    total = sp.S.One
    for term in sp.Add.make_args(x):
        count, rest = term.as_coeff_Mul()
        if not (isinstance(rest, sp.log) and count.is_Integer and abs(count) < 20 and rest.args[0].is_Rational):
            return None
        total *= rest.args[0] ** count
    return total if total.is_positive else None


class sigmoid(_RealFunction):
    r"""Logistic sigmoid of x, a number between 0 and 1.

    Math:
        $\sigma(x) = 1/(1 + e^{-x})$, $\sigma' = \sigma(1 - \sigma)$, $\sigma(0) = 1/2$.

    Reference:
        Goodfellow et al. 2014, arXiv:1406.2661: the output of a discriminator.

    Examples:
        >>> import sympy as sp
        >>> x = sp.Symbol("x", real=True)
        >>> sigmoid(x).diff(x), sigmoid(0)
        ((1 - sigmoid(x))*sigmoid(x), 1/2)
        >>> sigmoid(-1000).evalf(4)
        5.076e-435
    """

    @classmethod
    def eval(cls, x: sp.Expr) -> sp.Expr | None:
        """Exact values: 1/2 at 0, the limits at both infinities, odds/(1 + odds) at the logarithm of rational odds."""
        if x.is_zero:
            return sp.S.Half
        if (odds := _power_of_e(x)) is not None:
            return odds / (1 + odds)
        if x is sp.S.NaN or x is sp.S.ComplexInfinity:
            return sp.S.NaN
        return {sp.S.Infinity: sp.S.One, sp.S.NegativeInfinity: sp.S.Zero}.get(x)

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """Derivative: sigmoid (1 - sigmoid)."""
        return self * (1 - self)

    @staticmethod
    def numerically(x: Any) -> Any:
        """Value at an mpmath number, without overflow or cancellation."""
        if mpmath.re(x) >= 0:
            return 1 / (1 + mpmath.exp(-x))
        return mpmath.exp(x) / (1 + mpmath.exp(x))

    def _eval_rewrite_as_exp(self, arg: sp.Expr, **kwargs: Any) -> sp.Expr:
        return 1 / (1 + sp.exp(-arg))

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return _applied(r"\sigma", printer._print(self.args[0]), exp)


class softplus(_RealFunction):
    r"""Softplus of x, the smooth positive part.

    Math:
        $\operatorname{softplus}(x) = \log(1 + e^{x})$, its derivative is the sigmoid, its value at 0 is $\log 2$.

    Reference:
        Dugas et al. 2001, "Incorporating second-order functional knowledge for better option pricing", NIPS 13.

    Examples:
        >>> import sympy as sp
        >>> x = sp.Symbol("x", real=True)
        >>> softplus(x).diff(x), softplus(0)
        (sigmoid(x), log(2))
        >>> softplus(1000).evalf(6)
        1000.00
    """

    @classmethod
    def eval(cls, x: sp.Expr) -> sp.Expr | None:
        """Exact values: log 2 at 0, the limits at both infinities, log(1 + odds) at the logarithm of rational odds."""
        if x.is_zero:
            return sp.log(2)
        if (odds := _power_of_e(x)) is not None:
            return sp.log(1 + odds)
        if x is sp.S.NaN or x is sp.S.ComplexInfinity:
            return sp.S.NaN
        return {sp.S.Infinity: sp.S.Infinity, sp.S.NegativeInfinity: sp.S.Zero}.get(x)

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """Derivative: the sigmoid."""
        return sigmoid(self.args[0])

    @staticmethod
    def numerically(x: Any) -> Any:
        """Value at an mpmath number, without overflow; both branches are log(1 + exp(x))."""
        if mpmath.im(x) == 0 and mpmath.re(x) > 0:
            return x + mpmath.log1p(mpmath.exp(-x))
        return mpmath.log1p(mpmath.exp(x))

    def _eval_rewrite_as_exp(self, arg: sp.Expr, **kwargs: Any) -> sp.Expr:
        return sp.log(1 + sp.exp(arg))

    _eval_rewrite_as_log = _eval_rewrite_as_exp

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        return _applied(r"\operatorname{softplus}", printer._print(self.args[0]), exp)


def log_odds(expression: sp.Expr) -> sp.Expr:
    """The expression with logarithms of sigmoids as differences, so that log-odds cancel.

    Math:
        log sigmoid(u) = u - softplus(u), log(1 - sigmoid(u)) = -softplus(u), softplus(-u) = softplus(u) - u: of two
        opposite arguments one is kept, and log sigmoid(u) - log(1 - sigmoid(u)) is u. A positive quotient of
        exponentials, log(a/b) = log a - log b, comes to the same.

    Reference:
        Bradley and Terry 1952, doi 10.2307/2334029, for log-odds.

    Examples:
        >>> import sympy as sp
        >>> x = sp.Symbol("x", real=True)
        >>> log_odds(sp.log(sigmoid(x)) - sp.log(sigmoid(-x)))
        x
    """
    expression = expression.replace(sp.log, _log)
    return expression.replace(softplus, _one_sided)


def in_exponentials(expression: sp.Expr) -> sp.Expr:
    """The expression with sigmoids and softplus written by exponentials, over one denominator: a form to compare by.

    Math:
        sigmoid(u) = e^u/(1 + e^u), softplus(u) = log(1 + e^u), log-odds cancelled first.

    Reference:
        see `log_odds`.

    Examples:
        >>> import sympy as sp
        >>> x = sp.Symbol("x", real=True)
        >>> in_exponentials(sigmoid(x) * (1 + sp.exp(x)) - sp.exp(x))
        0
    """
    if not expression.has(sigmoid, softplus):
        return expression
    plain = log_odds(expression).replace(sigmoid, lambda u: sp.exp(u) / (1 + sp.exp(u)))
    plain = plain.replace(softplus, lambda u: sp.log(1 + sp.exp(u)))
    return sp.expand(sp.together(sp.expand(plain)).as_numer_denom()[0])


def _log(value: sp.Expr) -> sp.Expr:
    if isinstance(value, sigmoid):
        return value.args[0] - _one_sided(value.args[0])
    rest = 1 - value
    if isinstance(rest, sigmoid):
        return -_one_sided(rest.args[0])
    return _of_quotient(value) if value.has(sp.exp) and value.count_ops() <= LONGEST else sp.log(value)


def _of_quotient(value: sp.Expr) -> sp.Expr:
    over, under = (sp.expand(part) for part in sp.fraction(sp.together(value)))
    if not (over.is_positive and under.is_positive) or (under == 1 and not isinstance(over, sp.exp)):
        return sp.log(value)
    one = lambda part: part.args[0] if isinstance(part, sp.exp) else sp.log(part)
    return one(over) - one(under)


def _one_sided(argument: sp.Expr) -> sp.Expr:
    u = sp.expand(argument)
    return softplus(-u) + u if u.could_extract_minus_sign() else softplus(u)


def _applied(head: str, argument: str, exponent: str | None) -> str:
    """LaTeX of a function, its exponent on the name as for sin."""
    power = f"^{{{exponent}}}" if exponent else ""
    return rf"{head}{power}\left({argument}\right)"


# SymPy's documented extension point for comparisons: it lets `sigmoid(x) < 1` be decided for real x.
@dispatch(sigmoid, sp.Rational)
def _eval_is_ge(lhs: sigmoid, rhs: sp.Rational) -> bool | None:
    return False if lhs.args[0].is_real and rhs >= 1 else None


@dispatch(sp.Rational, sigmoid)  # type: ignore[no-redef]
def _eval_is_ge(lhs: sp.Rational, rhs: sigmoid) -> bool | None:
    return True if rhs.args[0].is_real and lhs >= 1 else None
