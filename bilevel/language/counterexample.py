"""Search for an instance and a point at which two expressions differ, decided by exact arithmetic or by an enclosure.

Main definitions: `Counterexample`, `search`, `enclosure`.

Data laws and unspecified densities stand for every law of their kind, so they are replaced by laws with few rational outcomes (by
normal laws where a log-density is evaluated or differentiated in its value). Where only the scores in the parameters enter, a
finite law is the limit of smooth densities with narrow bumps, under which both sides are continuous. A law with a name of its own
(normal, uniform) stays itself: polynomial integrands are averaged exactly; networks may also be chosen constant in their noise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import flint
import sympy as sp

from bilevel.language.algebra import is_scalar
from bilevel.language.errors import BilevelError
from bilevel.language.expectation import Conditional, ConditionalMatrix
from bilevel.language.functions import sigmoid, softplus
from bilevel.language.instance import Instance, PendingExpectation
from bilevel.language.instantiate import Coordinates
from bilevel.language.laws import Data, Density, LogDensity, Normal, Uniform, normal
from bilevel.language.networks import Applied, AppliedVector, Partial, PartialMatrix
from bilevel.language.nodes import RandomScalar, RandomVector
from bilevel.language.substitute import free_variables

ATTEMPTS = 8
SIZES = ((2, 2, 2), (1, 1, 1), (2, 3, 1), (3, 2, 2), (2, 1, 3))
BITS = 256


@dataclass(frozen=True)
class Counterexample:
    """Where two expressions differ: sizes, networks, laws, the point, and both values.

    Math: left != right at this instance and point; `known` tells how that was decided.
    Reference: bilevel.language.counterexample.
    Examples:
        >>> Counterexample({"p": 1}, {"D": "x^2"}, {}, {"theta": "(2)"}, sp.Integer(4), sp.Integer(5), "exact", 0).describe()
        'p = 1; D = x^2; theta = (2): 4 is not 5'
    """

    dims: dict[str, int]
    networks: dict[str, str]
    laws: dict[str, str]
    point: dict[str, str]
    left: Any
    right: Any
    known: str
    component: int
    instance: Instance | None = None

    def describe(self) -> str:
        """One line of text."""
        parts = [f"{k} = {v}" for group in (self.dims, self.networks, self.laws, self.point) for k, v in group.items()]
        return f"{'; '.join(parts)}: {_short(self.left)} is not {_short(self.right)}"

    __str__ = describe


def search(left: Any, right: Any, assuming: Iterable[Any] = (), *, seed: int = 0, attempts: int = ATTEMPTS) -> tuple[Counterexample | None, str]:
    """The first counterexample among some random instances; else None, and why the last attempt failed."""
    reason, floating = "both sides agree at every instance tried", None
    for attempt in range(attempts):
        draw = Drawing(left, right, Random(seed + attempt), SIZES[attempt % len(SIZES)], attempt % 3)
        try:
            found = _compare(left, right, draw, tuple(assuming))
        except (BilevelError, ZeroDivisionError, NotImplementedError, ValueError, TypeError) as error:
            reason = f"the last instance could not be evaluated: {error}"
            continue
        if found is not None and found.known == "exact":
            return found, ""
        floating = floating or found
    return floating, "" if floating else reason


def _compare(left: Any, right: Any, draw: Drawing, assuming: tuple[Any, ...]) -> Counterexample | None:
    instance = draw.instance
    coordinates = Coordinates(instance, values=True)
    if not all(_holds(relation, coordinates) for relation in assuming):
        raise BilevelError("the random instance does not satisfy the assumptions")
    if is_scalar(left):
        sides = [(coordinates.scalar(left, {}), coordinates.scalar(right, {}))]
    else:
        sides = list(zip(coordinates.matrix(left, {}), coordinates.matrix(right, {}), strict=True))
    for component, (a, b) in enumerate(sides):
        known = differ(a - b)
        if known:
            return Counterexample(*draw.told(), a, b, known, component, instance)
    return None


def _holds(relation: Any, coordinates: Coordinates) -> bool:
    if isinstance(relation, (tuple, sp.Tuple, sp.Eq)):
        a, b = relation if isinstance(relation, (tuple, sp.Tuple)) else (relation.lhs, relation.rhs)
        value = coordinates.scalar(a - b, {}) if is_scalar(a) else coordinates.matrix(a - b, {})
        return sp.expand(value) == 0 if is_scalar(a) else not any(value)
    if relation in (True, sp.true):
        return True
    gap = coordinates.scalar(relation.gts - relation.lts, {}) if hasattr(relation, "gts") else sp.S.Zero
    ball = enclosure(gap)
    return ball is not None and bool(ball > 0)


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
        sigmoid: lambda x: 1 / (1 + (-x).exp()),
        softplus: lambda x: (1 + x.exp()).log(),
        sp.Max: lambda *xs: _largest(xs),
        sp.Min: lambda *xs: -_largest([-x for x in xs]),
    }
    rule = known.get(expr.func)
    return rule(*parts) if rule else None


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
            rule = numpy.polynomial.hermite_e.hermegauss if isinstance(law, Normal) else numpy.polynomial.legendre.leggauss
            points, mass = rule(count)
            grids.append(points if isinstance(law, Normal) else (points + 1) / 2)
            weights.append(mass / mass.sum())
        mesh, masses = numpy.meshgrid(*grids, indexing="ij"), numpy.meshgrid(*weights, indexing="ij")
        body = sp.lambdify(symbols, node.body, modules=[{"sigmoid": lambda x: 1 / (1 + numpy.exp(-x)), "softplus": lambda x: numpy.logaddexp(0, x)}, "numpy"])
        return sp.Float(float(numpy.sum(body(*mesh) * numpy.prod(masses, axis=0))))

    return float(expr.replace(lambda e: isinstance(e, PendingExpectation), value).evalf())


class Drawing:
    """A random instance for two expressions; `style` 0 and 1 keep networks constant in continuous noise, 2 lets them use it."""

    def __init__(self, left: Any, right: Any, random: Random, sizes: tuple[int, ...], style: int) -> None:
        self.random, self.style = random, style
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
        self.networks = {call.network.name: self._network(call) for call in self._calls()}
        self.instance = Instance(self.dims, self.networks, self.laws, self.vectors, self.scalars)

    def told(self) -> tuple[dict[str, int], dict[str, str], dict[str, str], dict[str, str]]:
        """Sizes, networks, laws and the point, as text."""
        point = {k: f"({', '.join(map(str, v))})" for k, v in self.vectors.items()} | {k: str(v) for k, v in self.scalars.items()}
        return self.dims, {k: v for k, v in self.formulas.items() if k in self.networks}, {k: v for k, v in self.formulas.items() if k in self.laws}, point

    def number(self, nonzero: bool = False) -> Any:
        """A small rational."""
        choices = [n for n in range(-4, 5) if n or not nonzero]
        return sp.Rational(self.random.choice(choices), self.random.choice([1, 1, 2, 3]))

    def _point(self, variable: Any) -> None:
        if isinstance(variable, (sp.MatrixSymbol, RandomVector)):
            rows, columns = map(self.plain.size, variable.shape)
            self.vectors[variable.name] = [self.number(True) for _ in range(rows * columns)]
        elif isinstance(variable, RandomScalar):
            self.scalars[variable.name] = self.number(True)
        elif variable.name not in self.dims:
            share = sp.Rational(self.random.randint(1, 6), 7)
            value = share if variable.is_positive else self.number(True)
            self.scalars[variable.name] = sp.Integer(self.random.randint(1, 3)) if variable.is_integer else value

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
            self.formulas[law.name] = ", ".join(f"{v} with probability {p}" for v, p in zip(values, shares, strict=True))
            return values, shares
        polynomials = [self._polynomial(self._shapes(law.parameters), 1) for _ in range(count)]

        def given(*parameters: Any) -> Any:
            shares = [1 + q(*parameters) ** 2 for q in polynomials]
            return values, [s / sum(shares) for s in shares]

        self.formulas[law.name] = f"{values} with probabilities in proportion to 1 + q^2, q = " + ", ".join(q.__doc__ or "" for q in polynomials)
        return given

    def _looked_at(self) -> set[str]:
        """Laws whose log-density is evaluated, or differentiated in its value."""
        inner = {p.applied for p in self.whole.atoms(Partial, PartialMatrix) if isinstance(p.applied, LogDensity) and all(place for place, _ in p.slots)}
        names = {p.applied.law.name for p in self.whole.atoms(Partial, PartialMatrix) if isinstance(p.applied, LogDensity) and p.applied not in inner}
        stripped = self.whole.replace(lambda e: isinstance(e, (Partial, PartialMatrix)) and e.applied in inner, lambda e: sp.ZeroMatrix(*e.shape) if isinstance(e, PartialMatrix) else sp.S.Zero) if inner else self.whole
        return names | {node.law.name for node in stripped.atoms(LogDensity)}

    def _normal_law(self, law: Any, size: int | None) -> Any:
        means = [self._polynomial(self._shapes(law.parameters), 1) for _ in range(size or 1)]
        variance = sp.Rational(self.random.randint(1, 4), 2)
        self.formulas[law.name] = f"normal with variance {variance} and mean " + ", ".join(m.__doc__ or "" for m in means)

        def given(*parameters: Any) -> Any:
            values = [m(*parameters) for m in means]
            return normal(values[0] if size is None else sp.ImmutableMatrix(values), variance)

        return given if law.parameters else given()

    def _calls(self) -> Iterator[Any]:
        seen: set[str] = set()
        for call in sorted(self.whole.atoms(Applied, AppliedVector), key=str):
            if call.network.name not in seen:
                seen.add(call.network.name)
                yield call

    def _shapes(self, arguments: Iterable[Any]) -> list[int | None]:
        return [None if is_scalar(a) else self.plain.size(a.shape[0]) for a in arguments]

    def _network(self, call: Any) -> Callable[..., Any]:
        """A polynomial map; squashed into (0, infinity) or (0, 1) by a rational function where the range asks for it."""
        dull = set() if self.style == 2 else self._noisy_slots(call.network.name)
        shapes = self._shapes(call.arguments)
        degree = 1 if self.whole.atoms(Conditional, ConditionalMatrix) and call.network.out is not None else 2
        count = 1 if call.network.out is None else self.plain.size(call.network.out)
        kind = call.network.range if call.network.out is None else "real"
        first = [self._polynomial(shapes, degree, dull) for _ in range(count)]
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
                    bare = argument.replace(lambda e: isinstance(e, (Applied, AppliedVector)), lambda e: sp.S.One if is_scalar(e) else sp.ZeroMatrix(*e.shape))
                    if any(isinstance(v.law, (Normal, Uniform)) for v in bare.atoms(RandomVector, RandomScalar)):
                        places.add(place)
        return places

    def _polynomial(self, shapes: list[int | None], degree: int, dull: set[int] | None = None) -> Callable[..., Any]:
        """A random polynomial of the arguments' components, a product of neighbours among its terms; its text is its docstring."""
        names = [[f"a{k + 1}"] if size is None else [f"a{k + 1}_{i + 1}" for i in range(size)] for k, size in enumerate(shapes)]
        places = [(k, i) for k, group in enumerate(names) if not dull or k not in dull for i in range(len(group))]
        constant = self.number()
        linear = {place: self.number(True) for place in places}
        pairs = {}
        if degree == 2:
            for a in places:
                b = self.random.choice(places)
                pairs[(a, b)] = self.number(True)

        def value(*arguments: Any) -> Any:
            entries = [list(x) if isinstance(x, (list, tuple)) else [x] for x in arguments]
            total = constant + sum((c * entries[k][i] for (k, i), c in linear.items()), sp.S.Zero)
            return total + sum((c * entries[a[0]][a[1]] * entries[b[0]][b[1]] for (a, b), c in pairs.items()), sp.S.Zero)

        text = value(*[[sp.Symbol(n) for n in group] for group in names])
        value.__doc__ = str(text)
        return value


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:40]}... = {sp.N(value, 8)}"
