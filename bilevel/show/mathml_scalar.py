"""MathML of scalar expressions: numbers, sums, products, powers, functions, derivatives, sums and integrals.

Main definitions: `ScalarPrinting`.
Notation: denominators are gathered into one fraction; a sum begins with a positive term where it has one.
"""

from __future__ import annotations

import re
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from bilevel.show.markup import Markup, element, join
from bilevel.show.mathml_base import ADD, ANY, APPLY, ATOM, MUL, POW, THIN, TIMES, UNARY, Base, mo, text, visible_width
from bilevel.show.mathml_order import has_model, has_root, is_negative, negated, split_fraction

_NAMED = re.compile(r"<mrow><mi>[^<]{2}")
_SIGNS = {"Pi": "π", "ImaginaryUnit": "i", "Exp1": "e", "EulerGamma": "γ"}
_NAMES = {
    "sigmoid": "σ",
    "Heaviside": "H",
    "DiracDelta": "δ",
    "gamma": "Γ",
    "LambertW": "W",
    "re": "Re",
    "im": "Im",
    "atan": "arctan",
    "asin": "arcsin",
    "acos": "arccos",
    "Min": "min",
    "Max": "max",
    "sign": "sgn",
}


class ScalarPrinting(Base):
    """Methods for the classes of scalar expressions."""

    def print_Integer(self, number: sp.Integer) -> Markup:
        """An integer, with a proper minus."""
        return self._negative(element("mn", -number)) if number < 0 else element("mn", number)

    def print_int(self, number: int) -> Markup:
        """A Python integer."""
        return self.print_Integer(sp.Integer(number))

    def print_float(self, number: float) -> Markup:
        """A Python float, six digits."""
        return self.print_Float(sp.Float(number))

    def print_Rational(self, number: sp.Rational) -> Markup:
        """A fraction of integers."""
        fraction = element("mfrac", element("mn", abs(number.p)), element("mn", number.q))
        return self._negative(fraction) if number < 0 else fraction

    def print_Float(self, number: sp.Float) -> Markup:
        """A float with six significant digits, in scientific notation where that is shorter."""
        mantissa, _, exponent = f"{abs(float(number)):.6g}".partition("e")
        shown = element("mn", mantissa)
        if exponent:
            power = element("msup", element("mn", 10), self.print_Integer(sp.Integer(int(exponent))))
            shown = element("mrow", shown, mo("×"), power)
        return self._negative(shown) if number < 0 else shown

    def print_NumberSymbol(self, number: Any) -> Markup:
        """π, e and their like."""
        return element("mi", _SIGNS.get(type(number).__name__, str(number)))

    print_ImaginaryUnit = print_NumberSymbol

    def print_Infinity(self, _: Any) -> Markup:
        """∞."""
        return element("mn", "∞")

    def print_NegativeInfinity(self, _: Any) -> Markup:
        """−∞."""
        return self._negative(element("mn", "∞"))

    def print_ComplexInfinity(self, _: Any) -> Markup:
        """The point at infinity of the complex sphere."""
        return element("mover", element("mn", "∞"), mo("~"), accent="true")

    def print_NaN(self, _: Any) -> Markup:
        """Undefined."""
        return text("undefined")

    def level_Number(self, number: Any) -> int:
        """A negative number binds like a term, a fraction like a product."""
        if number.is_extended_negative:
            return ADD
        return MUL if number.is_Rational and not number.is_Integer else ATOM

    def level_int(self, number: int) -> int:
        """As for SymPy's numbers."""
        return self.level_Number(sp.Integer(number))

    def _negative(self, printed: Markup) -> Markup:
        return element("mrow", mo("−", form="prefix"), printed)

    # Sums ---------------------------------------------------------------------------------------------------------

    def level_Add(self, _: Any) -> int:
        """A sum."""
        return ADD

    def print_Add(self, expression: Any) -> Markup:
        """A sum, positive term first where there is one."""
        terms = self.ordered_terms(expression)
        return element("mrow", *(self.signed(term, first=index == 0) for index, term in enumerate(terms)))

    def ordered_terms(self, expression: Any) -> list[Any]:
        """The terms of a sum in the order in which a person would write them."""
        if isinstance(expression, sp.Add) and not has_model(expression):
            # Roots and the imaginary unit last: 1 + ih/2.
            terms = sorted(expression.as_ordered_terms(), key=has_root)
        else:
            # Papers write the shorter term first; width is a better measure of that than any count of nodes.
            terms = sorted(
                expression.args, key=lambda term: (visible_width(self.printed(term)), sp.default_sort_key(term))
            )
        # 1 − D and not −D + 1.
        first = next((index for index, term in enumerate(terms) if not is_negative(term)), 0)
        return [terms[first], *terms[:first], *terms[first + 1 :]]

    def signed(self, term: Any, *, first: bool) -> Markup:
        """A term with its sign in front; the first one only shows a minus."""
        if is_negative(term):
            return join(mo("−", form="prefix" if first else "infix"), self.at(negated(term), MUL))
        return join("" if first else mo("+"), self.at(term, ANY if first else MUL))

    # Products -----------------------------------------------------------------------------------------------------

    def level_Mul(self, expression: Any) -> int:
        """A product; with a minus in front it binds like a term."""
        return ADD if is_negative(expression) else MUL

    def print_Mul(self, expression: Any) -> Markup:
        """A product, its denominators gathered into one fraction."""
        if is_negative(expression):
            return element("mrow", mo("−", form="prefix"), self.at(negated(expression), MUL))
        coefficient, above, below = split_fraction(expression)
        wide = any(isinstance(factor, (sp.Add, sp.MatrixExpr)) or has_model(factor) for factor in above)
        if coefficient.q != 1 and not below and wide:
            # 1/2 E[...] reads better than a fraction with everything on top.
            return self._row([coefficient, *above])
        return self.quotient(coefficient, above, below)

    def quotient(self, coefficient: Any, above: list[Any], below: list[Any]) -> Markup:
        """A number times factors over factors, as one fraction."""
        above = ([sp.Integer(coefficient.p)] if coefficient.p != 1 or not above else []) + above
        below = ([sp.Integer(coefficient.q)] if coefficient.q != 1 else []) + below
        return element("mfrac", self._row(above), self._row(below)) if below else self._row(above)

    def _row(self, factors: list[Any]) -> Markup:
        """Factors side by side; a dot between two numbers, brackets around sums unless alone."""
        if len(factors) == 1:
            return self.at(factors[0], ANY)
        pieces: list[Markup] = []
        for index, factor in enumerate(factors):
            printed = self.at(factor, UNARY if not getattr(factor, "is_Rational", False) else ANY)
            if index:
                pieces.append(mo("·") if getattr(factor, "is_Number", False) else mo(TIMES))
                # y log D, not ylog D
                pieces += [THIN] if _NAMED.match(printed) else []
            pieces.append(printed)
        return element("mrow", *pieces)

    # Powers -------------------------------------------------------------------------------------------------------

    def level_Pow(self, power: Any) -> int:
        """A power; a root and a fraction bind like what they look like."""
        _, exponent = power.as_base_exp()
        if exponent.is_Rational and exponent < 0:
            return MUL
        return ATOM if exponent.is_Rational and exponent.p == 1 else POW

    def print_Pow(self, power: Any) -> Markup:
        """A power, a root, or one over a power."""
        base, exponent = power.args
        if exponent.is_Rational and exponent < 0:
            below = base if exponent == -1 else sp.Pow(base, -exponent, evaluate=False)
            return element("mfrac", element("mn", 1), self.printed(below))
        if exponent.is_Rational and exponent.p == 1 and exponent.q > 1:
            inner = self.printed(base)
            return element("msqrt", inner) if exponent.q == 2 else element("mroot", inner, element("mn", exponent.q))
        if isinstance(base, sp.Function) and not isinstance(base, (sp.exp, sp.Abs)) and exponent.is_Integer:
            # sin²(x): the power stands on the name, so it cannot be read as part of the argument.
            return self._function(base, self.printed(exponent))
        return element("msup", self.at(base, ATOM), self._exponent(exponent))

    def _exponent(self, exponent: Any) -> Markup:
        """An exponent; a rational one stays on the line, because a fraction there is unreadable."""
        if exponent.is_Rational and not exponent.is_Integer:
            return element("mrow", self.printed(sp.Integer(exponent.p)), mo("/"), element("mn", exponent.q))
        return self.printed(exponent)

    # Functions ----------------------------------------------------------------------------------------------------

    def print_Function(self, expression: Any) -> Markup:
        """Any applied function: its name, then its arguments in brackets."""
        return self._function(expression, None)

    print_Min = print_Max = print_Function

    def _function(self, expression: Any, raised: Markup | None) -> Markup:
        written = type(expression).__name__
        letter = None if isinstance(expression, AppliedUndef) else _NAMES.get(written)
        head = self.name(written, also_above=raised) if letter is None else element("mi", letter)
        if letter is not None and raised is not None:
            head = element("msup", head, raised)
        if written == "log" and any(kind.__name__ == "Applied" for kind in type(expression.args[0]).__mro__):
            # log D(w), as papers write it
            return element("mrow", head, mo(APPLY), THIN, self.printed(expression.args[0]))
        return self.applied(head, expression.args)

    def print_exp(self, expression: Any) -> Markup:
        """e to a short power, exp(...) of a long one."""
        (argument,) = expression.args
        printed = self._exponent(argument)
        if visible_width(printed) > 8 or "<mfrac>" in printed or has_model(argument):
            return self.applied(element("mi", "exp"), [argument])
        return element("msup", element("mi", "e"), printed)

    def level_exp(self, _: Any) -> int:
        """As a power."""
        return POW

    def print_Abs(self, expression: Any) -> Markup:
        """Bars."""
        return self.fenced(self.printed(expression.args[0]), "|", "|")

    def print_conjugate(self, expression: Any) -> Markup:
        """A bar on top."""
        return element("mover", self.printed(expression.args[0]), mo("¯", stretchy="true"))

    def print_factorial(self, expression: Any) -> Markup:
        """n!"""
        return element("mrow", self.at(expression.args[0], ATOM), mo("!"))

    def print_ComplexRootOf(self, root: Any) -> Markup:
        """The k-th root of a polynomial."""
        variable = root.poly.gen
        return element(
            "mrow",
            element("msub", element("mi", "root"), element("mn", root.index + 1)),
            self.fenced(element("mrow", self.name(variable.name), mo("↦"), self.printed(root.poly.as_expr()))),
        )

    # Calculus -----------------------------------------------------------------------------------------------------

    def level_Derivative(self, _: Any) -> int:
        """A derivative binds its operand like a factor."""
        return UNARY

    def print_Derivative(self, derivative: Any) -> Markup:
        """∂ in front, with the variables below."""
        order = sum(count for _, count in derivative.variable_count)
        top = mo("∂") if order == 1 else element("msup", mo("∂"), self.printed(order))
        below = [
            element(
                "mrow",
                mo("∂"),
                self.at(variable, ATOM)
                if count == 1
                else element("msup", self.at(variable, ATOM), self.printed(count)),
            )
            for variable, count in derivative.variable_count
        ]
        return element("mrow", element("mfrac", top, element("mrow", *below)), self.at(derivative.expr, UNARY))

    def print_Subs(self, expression: Any) -> Markup:
        """An expression with a bar, and the point below it."""
        where = join(
            *(
                element("mrow", self.printed(old), mo("="), self.printed(new))
                for old, new in zip(expression.variables, expression.point, strict=True)
            ),
            separator=mo(","),
        )
        return element(
            "msub", element("mrow", self.at(expression.expr, UNARY), mo("|", stretchy="true")), element("mrow", where)
        )

    def level_ExprWithLimits(self, _: Any) -> int:
        """A sum or integral swallows everything to its right."""
        return ADD

    def print_ExprWithLimits(self, expression: Any) -> Markup:
        """A big sign with its limits: sum, product, integral."""
        sign = {"Sum": "∑", "Product": "∏", "Integral": "∫"}.get(type(expression).__name__, type(expression).__name__)
        pieces: list[Markup] = []
        tail: list[Markup] = []
        for limit in reversed(expression.limits):
            variable, ends = limit[0], limit[1:]
            start = (
                element("mrow", self.printed(variable), mo("="), self.printed(ends[0]))
                if sign != "∫" and ends
                else None
            )
            below = start or (
                self.printed(ends[0]) if ends else self.printed(variable) if sign != "∫" else element("mrow")
            )
            above = self.printed(ends[1]) if len(ends) == 2 else element("mrow")
            pieces.append(element("msubsup" if sign == "∫" else "munderover", mo(sign), below, above))
            if sign == "∫":
                tail.insert(0, element("mrow", mo("d", lspace="0.2em", rspace="0"), self.printed(variable)))
        return element("mrow", *pieces, self.at(expression.function, MUL), *tail)
