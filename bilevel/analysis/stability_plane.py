"""Two-parameter stability diagrams: exact boundary curves, the pieces that bound, and points of codimension two.

Main definitions: `PlaneDiagram`, `BoundaryCurve`, `stability_diagram`.

Math: a cylindrical decomposition. Over an open interval of the first parameter between the real zeros of all leading
coefficients, discriminants and resultants of the boundary polynomials, their real roots in the second parameter keep
their number and order. So one rational slice tells, exactly, which branch of which curve bounds what.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from math import gcd, lcm, nan
from typing import Any

import flint
import sympy as sp

from bilevel.analysis.analyse import analyse
from bilevel.analysis.cells import Line
from bilevel.analysis.decide import decide
from bilevel.analysis.polynomials import to_sympy
from bilevel.analysis.regions import All, evaluate, signs
from bilevel.analysis.special_points import SpecialPoint, special_points
from bilevel.analysis.stability_line import LineDiagram, boundaries_of, line_diagram, verdict_at
from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.language.values import expression

MAX_STRIPS = 60


@dataclass(frozen=True)
class BoundaryCurve:
    """A curve equation = 0 on which an eigenvalue reaches the boundary of stability, and where that bounds a region.

    Math: `pieces` are (interval of the first parameter, rank of the branch among the real roots of the equation in the
        second one, verdict below, verdict above); ends of an interval are exact, None for an end of the domain. Where
        the equation holds the first parameter only (`upright`), the parameters change places in this.

    Reference: Kuznetsov (2004), Elements of Applied Bifurcation Theory, chapters 8 and 9.

    Examples:
        >>> x, y = sp.symbols("x y")
        >>> BoundaryCurve(x - y, ("fold (eigenvalue 0)",), ()).pieces
        ()
    """

    equation: Any
    kinds: tuple[str, ...]
    pieces: tuple[tuple[tuple[Any, Any], int, str, str], ...]
    upright: bool = False


@dataclass(frozen=True)
class PlaneDiagram:
    """Boundary curves and points of codimension two in a plane of parameters; `at` decides any point exactly.

    Math: see `stability_diagram`.

    Shapes: `critical` are the values of the first parameter at which a piece of a curve begins or ends.

    Reference: see `stability_diagram`.

    Examples:
        >>> h, g = sp.symbols("h gamma", positive=True)
        >>> dirac = sp.Matrix([[1, -h/2], [h/2, 1 - h*g - h**2/4]])
        >>> found = stability_diagram(analyse(dirac, time="discrete"), (h, g))
        >>> [(curve.equation, curve.kinds[0]) for curve in found.curves if curve.pieces]
        [(8*gamma*h + h**2 - 16, 'flip (eigenvalue -1)')]
        >>> found.at({h: 2, g: sp.Rational(3, 4)}), found.at({h: 2, g: "1/4"})
        ('marginal', 'stable')
    """

    parameters: tuple[Any, Any]
    curves: tuple[BoundaryCurve, ...]
    points: tuple[SpecialPoint, ...]
    critical: tuple[Any, ...]
    jacobian: Any
    time: str
    assuming: tuple[Any, ...] = ()

    def at(self, point: Any) -> str:
        """The verdict at exact parameters.

        Raises: GameError for floats, or where a parameter is missing; UnknownAnswer where the point is not decided.
        """
        values = {str(k): expression(v) for k, v in dict(point).items()}
        put = {p: values.get(str(p)) for p in self.parameters}
        if any(v is None or v.has(sp.Float) or v.free_symbols for v in put.values()):
            raise GameError(f"exact numbers for {' and '.join(map(str, self.parameters))} are looked up; got {point}")
        found = decide(self.jacobian.subs(put, simultaneous=True), time=self.time)
        if found.verdict == "unknown":
            raise UnknownAnswer(str(found.reason))
        return found.verdict

    def branch(self, curve: BoundaryCurve, rank: int, places: Sequence[float]) -> list[float]:
        """Where a branch of a curve lies at places of the parameter its pieces run over; nan where it is not there.

        The roots are isolated exactly and then given as floats. For an upright curve the parameters change places.
        """
        first, second = self.parameters[::-1] if curve.upright else self.parameters
        polynomial = sp.Poly(curve.equation, second)
        found = []
        for place in places:
            put = sp.Rational(*float(place).as_integer_ratio())
            coefficients = [sp.Rational(c.subs(first, put)) for c in polynomial.all_coeffs()]
            exact = flint.fmpq_poly([flint.fmpq(int(c.p), int(c.q)) for c in reversed(coefficients)])
            roots: Any = exact.complex_roots() if exact.degree() > 0 else []
            real = sorted(float(z.real.mid()) for z, _ in roots if z.imag == 0)  # exactly zero for a real root
            found.append(real[rank] if rank < len(real) else nan)
        return found

    def along(self, fixed: Any) -> LineDiagram:
        """The one-parameter diagram on the line where one parameter has an exact rational value."""
        (name, value), *more = dict(fixed).items()
        first = next((p for p in self.parameters if str(p) == str(name)), None)
        if first is None or more:
            raise GameError(f"one of {self.parameters[0]} and {self.parameters[1]} is fixed; got {fixed}")
        (other,) = (p for p in self.parameters if p != first)
        put = {first: expression(value)}
        facts = [f.subs(put) for f in self.assuming]
        return line_diagram(analyse(self.jacobian.subs(put), time=self.time, assuming=facts), other)


def stability_diagram(verdict: Any, over: Any) -> LineDiagram | PlaneDiagram:
    """The exact stability diagram over one parameter, or over a pair of them.

    Math: one: critical values. Two: every curve on which an eigenvalue reaches the boundary of stability (fold, flip,
        Neimark-Sacker; Hopf), cut into pieces that bound, with the verdicts on both sides; points where two of them
        meet while nothing is unstable (double eigenvalues, fold-flip, ...), and strong resonances 1:3 and 1:4 of maps.

    Shapes: the Jacobian holds no other symbol and is a rational function of these; cost grows with the number of real
        zeros of the resultants, one exact slice between each two of them.

    Raises: GameError where other parameters are free; UnknownAnswer where there are too many pieces.

    Reference: Kuznetsov (2004), Elements of Applied Bifurcation Theory, chapters 8 and 9; Collins (1975), cylindrical
        algebraic decomposition.

    Examples:
        >>> h, m = sp.symbols("h m", real=True)
        >>> ball = sp.Matrix([[1 + m - h, -m], [1, 0]])  # heavy ball on x^2/2
        >>> found = stability_diagram(analyse(ball, time="discrete"), (h, m))
        >>> [(c.equation, c.kinds[0].split(" (")[0], c.upright) for c in found.curves]
        [(-h + 2*m + 2, 'flip', False), (m - 1, 'Neimark-Sacker', False), (h, 'fold', True)]
        >>> [(p.point[h], p.kinds[0]) for p in found.points][-3:]
        [(2, '1:4 resonance'), (3, '1:3 resonance'), (4, '1:2 resonance (eigenvalue -1 twice)')]
    """
    parameters = tuple(over) if isinstance(over, tuple | list) else (over,)
    if len(parameters) == 1:
        return line_diagram(verdict, parameters[0])
    matrix = sp.ImmutableMatrix(verdict.jacobian)
    others = matrix.free_symbols - set(parameters)
    if len(parameters) != 2 or others:
        raise GameError(f"a diagram takes one or two parameters and no others free; {sorted(map(str, others))} are")
    return _Plane(verdict, parameters).diagram()


class _Plane:
    def __init__(self, verdict: Any, parameters: tuple[Any, Any]) -> None:
        self.verdict, self.parameters = verdict, parameters
        self.matrix, self.time = sp.ImmutableMatrix(verdict.jacobian), verdict.time
        self.boundaries, self.assumptions, self.denominators = boundaries_of(self.matrix, self.time, verdict.assuming)
        self.coordinates = self.assumptions.coordinates
        self.facts = All(tuple(self.assumptions.facts))
        self.other = self.denominators + [s.polynomial for s in signs(self.facts)]
        meaning = self.coordinates.meaning
        if not set(parameters) <= set(meaning):
            missing = next(p for p in parameters if p not in meaning)
            raise GameError(f"the Jacobian does not depend on {missing}")
        self.x, self.y = (meaning.index(p) for p in parameters)

    def diagram(self) -> PlaneDiagram:
        pieces, critical = self.pieces()
        upright = [not b.polynomial.degrees()[self.y] for b in self.boundaries]
        if any(upright):
            across = _Plane(self.verdict, self.parameters[::-1]).pieces()[0]
            pieces = [b if up else a for a, b, up in zip(pieces, across, upright, strict=True)]
        curves = [
            BoundaryCurve(self.coordinates.expression(_whole(b.polynomial)), b.kinds, found, up)
            for b, found, up in zip(self.boundaries, pieces, upright, strict=True)
        ]
        points = special_points(self.matrix, self.time, self.parameters, self.boundaries, self.assumptions)
        return PlaneDiagram(
            self.parameters, tuple(curves), points, critical, self.matrix, self.time, self.verdict.assuming
        )

    def pieces(self) -> tuple[list[tuple[Any, ...]], tuple[Any, ...]]:
        """For every boundary polynomial the branches that bound, and where in the first parameter they begin or end."""
        strips = self._strips()
        pieces: list[list[Any]] = [[] for _ in self.boundaries]
        for k in strips.cells:
            if k % 2 == 0:
                self._slice(strips, k, pieces)
        joined = [_joined(found) for found in pieces]
        used = sorted({k for found in joined for ends, *_ in found for k in ends if 0 <= k < len(strips.roots)})
        value = {k: strips.roots[k].exact(self.parameters[0]) for k in used}
        exact = [tuple(((value.get(low), value.get(high)), *rest) for (low, high), *rest in found) for found in joined]
        return exact, tuple(value[k] for k in used)

    def _strips(self) -> Line:
        """The first parameter cut where the curves over it change in number or order."""
        polynomials = [b.polynomial for b in self.boundaries] + self.other
        gens = self.coordinates.generators
        walls = []
        for p in polynomials:
            if not p.degrees()[self.y]:
                walls.append(p)
                continue
            walls.append(self.coordinates.coefficients(p, self.y)[-1])
            walls += [p.resultant(p.derivative(self.y), self.y)] if p.degrees()[self.y] > 1 else []
        tall = [p for p in polynomials if p.degrees()[self.y]]
        low, _, up, _ = self.assumptions.bounds[self.y]
        ends = [gens[self.y] * int(e.q) - int(e.p) for e in (low, up) if e is not None]
        walls += [p.resultant(q, self.y) for p, q in combinations([*tall, *ends], 2)]
        walls = [w for w in walls if w != 0 and not w.is_constant()]
        line = self.assumptions.line(walls, self.x)
        if len(line.cells) > 2 * MAX_STRIPS:
            raise UnknownAnswer(
                f"the diagram falls into more than {MAX_STRIPS} strips", next_step="use `along` on lines of interest"
            )
        return line

    def _slice(self, strips: Line, k: int, pieces: list[list[Any]]) -> None:
        """Which branches bound what over one strip."""
        point = strips.samples[k // 2]
        narrowed = [b.polynomial.subs({self.x: point}) for b in self.boundaries]
        others = [d.subs({self.x: point}) for d in self.other]
        line = self.assumptions.line([p for p in (*narrowed, *others) if p.degrees()[self.y]], self.y)
        put = {self.parameters[0]: to_sympy(point)}
        matrix = self.matrix.subs(put)
        verdicts = {}
        for cell in line.cells:
            if cell % 2 == 0:
                height = line.samples[cell // 2]
                found = verdict_at(matrix, self.time, {self.parameters[1]: to_sympy(height)})
                inside = evaluate(self.facts, partial(_sign_at, point={self.x: point, self.y: height}))
                verdicts[cell] = found.verdict if found is not None and inside else "undefined"
        ends = (k // 2 - 1, k // 2)  # the walls on both sides, by number
        for number, p in enumerate(narrowed):
            ranks = [c for c in range(1, 2 * len(line.roots), 2) if p.degrees()[self.y] and line.sign(p, c) == 0]
            for rank, cell in enumerate(ranks):
                sides = [verdicts.get(cell - 1), verdicts.get(cell + 1)]
                # Between two unstable sides the zero may be a mirror pair; elsewhere it lies on the boundary.
                if None not in sides and set(sides) - {"unstable", "undefined"}:
                    pieces[number].append((ends, rank, *sides))


def _sign_at(p: Any, point: Any) -> int:
    value = p.subs(point)
    constant = value.leading_coefficient() if value != 0 else 0
    return int(constant > 0) - int(constant < 0)


def _whole(p: Any) -> Any:
    """The polynomial with coprime integer coefficients."""
    values = [c for _, c in p.to_dict().items()]
    top, bottom = gcd(*(int(c.p) for c in values)), lcm(*(int(c.q) for c in values))
    return p * bottom / top


def _joined(pieces: list[Any]) -> tuple[Any, ...]:
    """Pieces in neighbouring strips joined where rank and sides agree."""
    joined: list[Any] = []
    for ends, rank, below, above in pieces:
        k = next((k for k, old in enumerate(joined) if old[0][1] == ends[0] and old[1:] == (rank, below, above)), None)
        if k is None:
            joined.append((ends, rank, below, above))
        else:
            joined[k] = ((joined[k][0][0], ends[1]), rank, below, above)
    return tuple(joined)
