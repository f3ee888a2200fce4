"""MathML of the model level: networks, their partial derivatives, expectations, inner products, stopped gradients.

Main definitions: `ModelPrinting`.
Notation: ∂ with a number below is the partial derivative in that argument (from one); E carries its random variables
with their laws below; sg(...) is held constant by every derivative; ⟨u, v⟩ is an inner product.
"""

from __future__ import annotations

from typing import Any

from sympy.core.symbol import Str

from bilevel.show.markup import Markup, element, join
from bilevel.show.mathml_base import ADD, ATOM, THIN, UNARY, Base, mo, text
from bilevel.show.mathml_order import is_negative, negated


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
        """∂ or, for the gradient of a scalar, ∇, numbered by argument; what is contracted stands in square brackets."""
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

    # Expectations and laws ----------------------------------------------------------------------------------------

    def print__Average(self, average: Any) -> Markup:
        """𝔼 with what is drawn below it."""
        if is_negative(average):
            return element("mrow", mo("−", form="prefix"), self(negated(average)))
        return element("mrow", self._drawn(average.variables), self.fenced(self(average.body), "[", "]"))

    def level__Average(self, average: Any) -> int:
        """Brackets of its own; with a minus in front it binds like a term."""
        return ADD if is_negative(average) else ATOM

    level__GivenAverage = level__Average

    def print__GivenAverage(self, average: Any) -> Markup:
        """𝔼[body | observed]: what is observed, and where it is read if that is another place."""
        if is_negative(average):
            return element("mrow", mo("−", form="prefix"), self(negated(average)))
        given = (
            self(average.at) if average.event == average.at else join(self(average.event), mo("="), self(average.at))
        )
        body = element("mrow", self(average.body), mo("|", lspace="0.3em", rspace="0.3em", stretchy="true"), given)
        return element("mrow", self._drawn(average.variables), self.fenced(body, "[", "]"))

    def _drawn(self, variables: Any) -> Markup:
        """𝔼 with its random variables below, each with its law."""
        below = [element("mrow", self(v), *([mo("∼"), self(v.law)] if self.laws else [])) for v in variables]
        return element("msub", element("mi", "𝔼"), element("mrow", join(*below, separator=mo(",", separator="true"))))

    def print_Law(self, law: Any) -> Markup:
        """A law by its usual letter or name, with its parameters."""
        heads = {"Uniform": "𝒰", "Bernoulli": "Bern", "Categorical": "Cat"}
        return self.applied(element("mi", heads.get(type(law).__name__, type(law).__name__)), law.args)

    def print_Normal(self, law: Any) -> Markup:
        """𝒩(mean, variance), with the identity where the mean is a vector."""
        mean, variance = law.args
        identity = element("mi", "I", mathvariant="normal")
        spread = (
            self(variance)
            if law.dim is None
            else identity
            if variance == 1
            else join(self.at(variance, UNARY), identity)
        )
        return element(
            "mrow", element("mi", "𝒩"), mo("\u2061"), self.fenced(join(self(mean), mo(",", separator="true"), spread))
        )

    def print_Data(self, law: Any) -> Markup:
        """The name of the law of the data."""
        return self.name(law.name)

    def print_Density(self, law: Any) -> Markup:
        """π(· | s, θ)"""
        if not law.parameters:
            return self.name(law.name)
        inner = join(mo("·"), mo("|", lspace="0.25em", rspace="0.25em"), self.commas(law.parameters))
        return element("mrow", self.name(law.name), mo("\u2061"), self.fenced(inner))

    def print_Finite(self, law: Any) -> Markup:
        """{value: probability, ...}"""
        pairs = [join(self(value), mo(":"), self(probability)) for value, probability in law.atoms_of]
        return self.fenced(join(*pairs, separator=mo(",", separator="true")), "{", "}")

    def print_Pushforward(self, law: Any) -> Markup:
        """The expression drawn, with what it is made from."""
        made = [element("mrow", self(v), mo("∼"), self(v.law)) for v in law.variables]
        inner = join(mo("|", lspace="0.25em", rspace="0.25em"), join(*made, separator=mo(",", separator="true")))
        return element("mrow", self(law.value), *([inner] if self.laws else []))

    def print_LogDensity(self, node: Any) -> Markup:
        """log p(x | parameters)"""
        value, *given = node.arguments
        inner = self(value)
        if given:
            inner = join(inner, mo("|", lspace="0.25em", rspace="0.25em"), self.commas(given))
        return element(
            "mrow", element("mi", "log"), mo("\u2061"), THIN, self.name(node.law.name), mo("\u2061"), self.fenced(inner)
        )

    # Coordinate level: averages that wait, functions known at points ----------------------------------------------

    def print_Mean(self, average: Any) -> Markup:
        """𝔼 over standard normal and uniform variables."""
        laws = {"Normal": "𝒩(0, 1)", "Uniform": "𝒰(0, 1)"}
        drawn = [(variable, laws.get(type(law).__name__, "")) for variable, law in average.laws.items()]
        return self._coordinate_average(drawn, average.body)

    def print_PendingExpectation(self, average: Any) -> Markup:
        """𝔼 over independent variables with their laws."""
        return self._coordinate_average([(variable, str(law)) for variable, law in average.drawn], average.body)

    def _coordinate_average(self, drawn: list[tuple[Any, str]], body: Any) -> Markup:
        below = [element("mrow", self(v), *([mo("∼"), text(law)] if self.laws and law else [])) for v, law in drawn]
        head = element("msub", element("mi", "𝔼"), element("mrow", join(*below, separator=mo(",", separator="true"))))
        return element("mrow", head, self.fenced(self(body), "[", "]"))

    def print_KnownFunction(self, call: Any) -> Markup:
        """f′(x): primes count the derivatives, from the fourth on a number in brackets."""
        order = type(call).order
        mark = mo("′" * order) if order <= 3 else self.fenced(element("mn", order))
        return self.applied(self.name(type(call).title, also_above=mark if order else None), call.args)

    def raised(self, base: Any, mark: Markup) -> Markup:
        """∂₂G(z, θ)⊤ needs no brackets: no one transposes z."""
        if any(kind.__name__ == "_Derivative" for kind in type(base).__mro__):
            return element("msup", self.printed(base), mark)
        return super().raised(base, mark)  # type: ignore[misc]


def _is_open(held: Any) -> bool:
    """Whether an index is left open: the language marks it with the string `open`."""
    return isinstance(held, Str) and held.name == "open"
