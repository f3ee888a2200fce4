"""MathML of the model level: networks, their partial derivatives, expectations, inner products, stopped gradients.

Main definitions: `ModelPrinting`.
Notation: ∂ with a number below is the partial derivative in that argument (from one); E carries its random variables
with their laws below; sg(...) is held constant by every derivative; ⟨u, v⟩ is an inner product.
"""

from __future__ import annotations

from typing import Any

from sympy.core.symbol import Str

from bilevel.show.markup import Markup, element, join
from bilevel.show.mathml_base import ATOM, UNARY, Base, mo


class ModelPrinting(Base):
    """Methods for the nodes of `bilevel.language`."""

    def print_RandomVector(self, variable: Any) -> Markup:
        """The name of a random variable."""
        return self.name(variable.name)

    print_RandomScalar = print_RandomVector

    def print_Dot(self, product: Any) -> Markup:
        """An inner product; of a vector with itself, its squared norm."""
        left, right = product.args
        if left == right:
            return element("msup", self.fenced(self(left), "‖", "‖"), element("mn", 2))
        inner = element("mrow", self(left), mo(",", separator="true"), self(right))
        return self.fenced(inner, "⟨", "⟩")

    def level_Dot(self, product: Any) -> int:
        """Brackets of its own; a square binds like a power."""
        return ATOM if product.args[0] != product.args[1] else ATOM - 1

    def print_Stopped(self, stopped: Any) -> Markup:
        """sg(...)"""
        return self.applied(element("mi", "sg"), stopped.args)

    print_StoppedMatrix = print_Stopped

    def print_Network(self, network: Any) -> Markup:
        """The name of a network."""
        return self.name(network.name)

    def print_Applied(self, call: Any) -> Markup:
        """A network with its arguments in brackets."""
        return self.applied(self.name(call.network.name), call.arguments)

    print_AppliedVector = print_Applied

    def print__Derivative(self, derivative: Any) -> Markup:
        """∂ or, for the gradient of a scalar, ∇, numbered by argument place; what is contracted stands in square brackets."""
        sign = "∇" if derivative.order == 1 and derivative.applied.output is None else "∂"
        marks = [
            element("msub", mo(sign, lspace="0", rspace="0"), element("mn", place + 1)) for place, _ in derivative.slots
        ]
        held = ([] if derivative.applied.output is None else [derivative.weight]) + [
            h for _, h in derivative.slots if h != 1
        ]
        tail = Markup("")
        if not all(_is_open(vector) for vector in held):
            shown = [mo("·") if _is_open(vector) else self(vector) for vector in held]
            tail = self.fenced(join(*shown, separator=mo(",", separator="true")), "[", "]")
        return element("mrow", *marks, self.printed(derivative.applied), tail)

    def level__Derivative(self, _: Any) -> int:
        """An operator before its operand."""
        return UNARY

    def raised(self, base: Any, mark: Markup) -> Markup:
        """∂₂G(z, θ)⊤ needs no brackets: no one transposes z."""
        if any(kind.__name__ == "_Derivative" for kind in type(base).__mro__):
            return element("msup", self.printed(base), mark)
        return super().raised(base, mark)  # type: ignore[misc, no-any-return]


def _is_open(held: Any) -> bool:
    """Whether an index is left open: the language marks it with the string `open`."""
    return isinstance(held, Str) and held.name == "open"
