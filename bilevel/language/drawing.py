"""Random instances of model-level expressions: sizes, polynomial networks, laws with few outcomes, rational points.

Main definitions: `Drawing`.

Data laws and unspecified densities stand for every law of their kind, so they are replaced by laws with few
rational outcomes (by normal laws where a log-density is evaluated or differentiated in its value). Where only the
scores in the parameters enter, a finite law is the limit of smooth densities with narrow bumps, under which both
sides are continuous. A law with a name of its own (normal, uniform) stays itself: polynomial integrands are
averaged exactly, and networks may be chosen constant in their noise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from random import Random
from typing import Any

import sympy as sp

from bilevel.language.algebra import is_scalar
from bilevel.language.diagonal import Selection
from bilevel.language.expectation import Conditional, ConditionalMatrix
from bilevel.language.instance import Instance
from bilevel.language.laws import Bernoulli, Categorical, Data, Density, Finite, LogDensity, Normal, Uniform, normal
from bilevel.language.networks import Applied, AppliedVector, Partial, PartialMatrix
from bilevel.language.nodes import RandomScalar, RandomVector
from bilevel.language.substitute import free_variables


class Drawing:
    """A random instance for two expressions; in `style` 0 and 1 networks are constant in continuous noise, in 2 not.

    With `bowl` 1 or -1 scalar networks open upwards or downwards in every draw of a density that is looked at: weights
    such as exp(-c)/q have a finite average only where c grows fast enough.
    """

    def __init__(
        self, left: Any, right: Any, random: Random, sizes: tuple[int, ...], style: int, bowl: int = 0
    ) -> None:
        self.random, self.style, self.bowl = random, style, bowl
        self.whole = sp.Tuple(left, right)
        self.formulas: dict[str, str] = {}
        symbols = {s for s in self.whole.atoms(sp.Symbol) if s.is_integer and s.is_positive}
        self.dims = {s.name: sizes[k % len(sizes)] for k, s in enumerate(sorted(symbols, key=str))}
        self.plain = Instance(dims=self.dims)
        self.vectors: dict[str, list[Any]] = {}
        self.scalars: dict[str, Any] = {}
        for variable in sorted(free_variables(left) | free_variables(right), key=str):
            self._point(variable)
        self.laws = {name: self._law(law) for name, law in sorted(self._unspecified().items())}
        self.networks = self._networks()
        self.instance = Instance(self.dims, self.networks, self.laws, self.vectors, self.scalars)

    def told(self) -> tuple[dict[str, int], dict[str, str], dict[str, str], dict[str, str]]:
        """Sizes, networks, laws and the point, as text."""
        point = {k: f"({', '.join(map(str, v))})" for k, v in self.vectors.items()} | {
            k: str(v) for k, v in self.scalars.items()
        }
        return (
            self.dims,
            {k: v for k, v in self.formulas.items() if k in self.networks},
            {k: v for k, v in self.formulas.items() if k in self.laws},
            point,
        )

    def number(self, nonzero: bool = False) -> Any:
        """A small rational."""
        choices = [n for n in range(-4, 5) if n or not nonzero]
        return sp.Rational(self.random.choice(choices), self.random.choice([1, 1, 2, 3]))

    def _point(self, variable: Any) -> None:
        if isinstance(variable, (sp.MatrixSymbol, RandomVector)):
            rows, columns = map(self.plain.size, variable.shape)
            numbers = [self.number(True) for _ in range(rows * columns)]
            if isinstance(variable, Selection):
                images = [self.random.randrange(columns) for _ in range(rows)]
                numbers = [sp.Integer(image == j) for image in images for j in range(columns)]
            self.vectors[variable.name] = numbers
        elif isinstance(variable, RandomScalar):
            self.scalars[variable.name] = self.number(True)
        elif variable.name not in self.dims:
            self.scalars[variable.name] = self._scalar(variable)

    def _scalar(self, variable: Any) -> Any:
        """A value that the symbol's assumptions allow; a probability for a symbol that stands in a finite law."""
        if any(law.has(variable) for law in self.whole.atoms(Bernoulli, Categorical, Finite)):
            return sp.Rational(self.random.randint(1, 6), 7)
        known = [
            w for w in ("positive", "negative", "nonnegative", "nonpositive", "integer") if getattr(variable, f"is_{w}")
        ]
        for _ in range(100):
            value = self.random.choice([self.number(True), sp.Rational(self.random.randint(1, 6), 7)])
            if all(getattr(value, f"is_{w}") for w in known):
                return value
        return self.number(True)

    def _unspecified(self) -> dict[str, Any]:
        return {law.name: law for law in self.whole.atoms(Data, Density)}

    def _law(self, law: Any) -> Any:
        """A finite law with rational outcomes, or a normal law where the density itself is looked at."""
        size = None if law.dim is None else self.plain.size(law.dim)
        count = self.random.choice([2, 2, 3])
        if law.name in self._looked_at():
            return self._normal_law(law, size)
        values = [self.number() if size is None else [self.number() for _ in range(size)] for _ in range(count)]
        weights = [1 + self.random.randint(0, 3) for _ in range(count)]
        if not law.parameters:
            shares = [sp.Rational(w, sum(weights)) for w in weights]
            self.formulas[law.name] = ", ".join(
                f"{v} with probability {p}" for v, p in zip(values, shares, strict=True)
            )
            return values, shares
        polynomials = [self._polynomial(self._shapes(law.parameters), 1) for _ in range(count)]

        def given(*parameters: Any) -> Any:
            shares = [1 + q(*parameters) ** 2 for q in polynomials]
            return values, [s / sum(shares) for s in shares]

        self.formulas[law.name] = f"{values} with probabilities in proportion to 1 + q^2, q = " + ", ".join(
            q.__doc__ or "" for q in polynomials
        )
        return given

    def _looked_at(self) -> set[str]:
        """Laws whose log-density is evaluated, differentiated in its value, or taken away from a draw of it."""
        inner = {
            p.applied
            for p in self.whole.atoms(Partial, PartialMatrix)
            if isinstance(p.applied, LogDensity) and all(place for place, _ in p.slots)
        }
        names = {
            p.applied.law.name
            for p in self.whole.atoms(Partial, PartialMatrix)
            if isinstance(p.applied, LogDensity) and p.applied not in inner
        }
        stripped = (
            self.whole.replace(
                lambda e: isinstance(e, (Partial, PartialMatrix)) and e.applied in inner,
                lambda e: sp.ZeroMatrix(*e.shape) if isinstance(e, PartialMatrix) else sp.S.Zero,
            )
            if inner
            else self.whole
        )
        foreign = {
            node.law.name
            for node in self.whole.atoms(LogDensity)
            if getattr(getattr(node.args[1], "law", None), "name", None) != node.law.name
        }
        return names | foreign | {node.law.name for node in stripped.atoms(LogDensity)}

    def _normal_law(self, law: Any, size: int | None) -> Any:
        means = [self._polynomial(self._shapes(law.parameters), 1) for _ in range(size or 1)]
        variance = sp.Rational(self.random.randint(1, 4), 2)
        self.formulas[law.name] = f"normal with variance {variance} and mean " + ", ".join(
            m.__doc__ or "" for m in means
        )

        def given(*parameters: Any) -> Any:
            values = [m(*parameters) for m in means]
            return normal(values[0] if size is None else sp.ImmutableMatrix(values), variance)

        return given if law.parameters else given()

    def _networks(self) -> dict[str, Callable[..., Any]]:
        """One function a name; a name called with two numbers of arguments (in two games, say) is two functions."""
        drawn: dict[str, dict[int, Callable[..., Any]]] = {}
        texts: dict[str, str] = {}
        for call in self._calls():
            name, known = call.network.name, drawn.setdefault(call.network.name, {})
            count = len(call.arguments)
            known[count] = self._network(call)
            texts[name] = (
                f"{texts[name]}, of {count} arguments, {self.formulas[name]}" if name in texts else self.formulas[name]
            )
        self.formulas |= texts
        return {name: _by_count(known) for name, known in drawn.items()}

    def _calls(self) -> Iterator[Any]:
        seen: set[tuple[str, int]] = set()
        for call in sorted(self.whole.atoms(Applied, AppliedVector), key=str):
            key = (call.network.name, len(call.arguments))
            if key not in seen:
                seen.add(key)
                yield call

    def _shapes(self, arguments: Iterable[Any]) -> list[int | None]:
        return [None if is_scalar(a) else self.plain.size(a.shape[0]) for a in arguments]

    def _network(self, call: Any) -> Callable[..., Any]:
        """A polynomial map; put into (0, infinity) or (0, 1) by a rational function where the range asks for it."""
        dull = set() if self.style == 2 else self._noisy_slots(call.network.name)
        shapes = self._shapes(call.arguments)
        degree = 1 if self.whole.atoms(Conditional, ConditionalMatrix) and call.network.out is not None else 2
        count = 1 if call.network.out is None else self.plain.size(call.network.out)
        kind = call.network.range if call.network.out is None else "real"
        bowls = self._weighed_slots(call.network.name) if self.bowl and call.network.out is None else set()
        first = [self._polynomial(shapes, degree, dull, bowls) for _ in range(count)]
        other = self._polynomial(shapes, 1, dull)
        texts = ", ".join(q.__doc__ or "" for q in first)
        if kind == "real":
            self.formulas[call.network.name] = texts if count == 1 else f"({texts})"
            return (lambda *a: first[0](*a)) if call.network.out is None else (lambda *a: [q(*a) for q in first])
        if kind == "positive":
            self.formulas[call.network.name] = f"1 + ({texts})^2"
            return lambda *a: 1 + first[0](*a) ** 2
        self.formulas[call.network.name] = f"(1 + u^2)/(2 + u^2 + v^2) with u = {texts}, v = {other.__doc__}"
        return lambda *a: (1 + first[0](*a) ** 2) / (2 + first[0](*a) ** 2 + other(*a) ** 2)

    def _noisy_slots(self, name: str) -> set[int]:
        """Argument places into which a normal or uniform variable goes directly."""
        places = set()
        for call in self.whole.atoms(Applied, AppliedVector):
            if call.network.name == name:
                for place, argument in enumerate(call.arguments):
                    if any(isinstance(v.law, (Normal, Uniform)) for v in _outside_networks(argument)):
                        places.add(place)
        return places

    def _weighed_slots(self, name: str) -> set[int]:
        """Argument places of a network into which draws of a density go whose value is looked at."""
        seen = self._looked_at()
        calls = [c for c in self.whole.atoms(Applied, AppliedVector) if c.network.name == name]
        law = lambda argument: getattr(getattr(argument, "law", None), "name", None)
        return {place for call in calls for place, argument in enumerate(call.arguments) if law(argument) in seen}

    def _polynomial(
        self, shapes: list[int | None], degree: int, dull: set[int] | None = None, bowls: set[int] | None = None
    ) -> Callable[..., Any]:
        """A random polynomial of the arguments' components; its text is its docstring."""
        names = [
            [f"a{k + 1}"] if size is None else [f"a{k + 1}_{i + 1}" for i in range(size)]
            for k, size in enumerate(shapes)
        ]
        places = [(k, i) for k, group in enumerate(names) if not dull or k not in dull for i in range(len(group))]
        constant = self.number()
        linear = {place: self.number(True) for place in places}
        pairs = {}
        if degree == 2:
            for a in places:
                b = self.random.choice(places)
                pairs[(a, b)] = self.number(True)
        pairs |= {(a, a): sp.Integer(3 * self.bowl) for a in places if bowls and a[0] in bowls}

        def value(*arguments: Any) -> Any:
            entries = [list(x) if isinstance(x, (list, tuple)) else [x] for x in arguments]
            total = constant + sum((c * entries[k][i] for (k, i), c in linear.items()), sp.S.Zero)
            return total + sum(
                (c * entries[a[0]][a[1]] * entries[b[0]][b[1]] for (a, b), c in pairs.items()), sp.S.Zero
            )

        text = value(*[[sp.Symbol(n) for n in group] for group in names])
        value.__doc__ = str(text)
        return value


def _outside_networks(expr: Any) -> set[Any]:
    """The random variables of an expression that stand in no network and in no derivative of one."""
    if isinstance(expr, (Applied, AppliedVector, Partial, PartialMatrix)):
        return set()
    if isinstance(expr, (RandomVector, RandomScalar)):
        return {expr}
    return {variable for part in expr.args for variable in _outside_networks(part)}


def _by_count(known: dict[int, Callable[..., Any]]) -> Callable[..., Any]:
    """The function for the number of arguments given."""
    return next(iter(known.values())) if len(known) == 1 else lambda *given: known[len(given)](*given)
