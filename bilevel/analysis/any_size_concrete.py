"""The linear reading of a rule on a quadratic game of numbers, by whole matrices of fractions.

Main definitions: `linearise_quadratic`.

On a quadratic game the field is affine, F(z) = J z + b, so every point a rule reaches is an affine function of the
state. A leaf is that function: a row (constant, one coefficient for each part of the state, one for each unknown of a
linear solve). The field then is one product of matrices, and games of 32 + 32 variables take well under a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import sympy as sp
from flint import fmpq, fmpq_mat

from bilevel.game import Game
from bilevel.rules.protocol.dual import Dual
from bilevel.rules.protocol.linear import Linearisation, _label, complete
from bilevel.rules.protocol.point import Point
from bilevel.rules.protocol.rule import Rule


class _NotAffine(Exception):
    """Something here is not affine with fractions as coefficients; the general reading has to do it."""


def linearise_quadratic(game: Game, rule: Rule, at: Mapping[Any, Any]) -> Linearisation | None:
    """The same as `linearise`, fast, for a quadratic game whose coefficients and steps are fractions; else None.

    Math: costs c_i(z) = z^T H_i z/2 + g_i^T z, field rows J = rows of H_i, b likewise; the rule is composed of products
        with J, J^T, H_i and linear solves, all exact.

    Shapes: n variables and k memory parts give n(k+1) rows.

    Reference: Mescheder, Nowozin, Geiger (2017), arXiv:1705.10461.

    Examples:
        >>> from bilevel.game import maximize, minimize
        >>> from bilevel.rules import alternating
        >>> x, y = sp.symbols("x y", real=True)
        >>> game = Game(a=minimize(3*x*y, x), b=maximize(3*x*y, y))
        >>> linearise_quadratic(game, alternating("1/2"), {x: 0, y: 0}).matrix
        Matrix([
        [  1, -3/2],
        [3/2, -5/4]])
    """
    if not isinstance(game, Game) or not game.is_coordinate or any(p.through for p in game.players.values()):
        return None
    try:
        return _linearised(AffineField(game, 1 + len(rule.memory)), rule, complete(game, at))
    except (_NotAffine, ZeroDivisionError):
        return None


def _linearised(field: AffineField, rule: Rule, point: Mapping[Any, Any]) -> Linearisation | None:
    variables, n = field.game.variables, len(field.game.variables)
    place = [_fraction(point[v]) for v in variables]
    starts = ["same", *(how for _, how in rule.memory)]
    state = []
    for k, how in enumerate(starts):
        state.append(field.point(field.unit(1 + k * n + i, place[i] if how == "same" else fmpq(0)) for i in range(n)))
    after = [[_leaf(leaf).row for leaf in part.leaves()] for part in rule.on(field)(*state)]
    rows = [row for part in after for row in part]
    before = [part_leaf.row[0, 0] for part in state for part_leaf in part.leaves()]
    fixed = [fmpq(0)] * len(before) if rule.time == "continuous" else before
    if [row[0, 0] for row in rows] != fixed:
        return None
    size = n * len(starts)
    matrix = sp.ImmutableMatrix(size, size, [_rational(row[0, 1 + j]) for row in rows for j in range(size)])
    names = ["", *(name for name, _ in rule.memory)]
    return Linearisation(matrix, tuple(_label(part, v) for part in names for v in variables), rule.time)


class AffineLeaf:
    """An affine function of the state: a row of fractions, the constant first."""

    __slots__ = ("row",)
    _op_priority = 60.0
    __array_ufunc__ = None

    def __init__(self, row: fmpq_mat) -> None:
        self.row = row

    def __add__(self, other: Any) -> AffineLeaf:
        if isinstance(other, AffineLeaf):
            return AffineLeaf(self.row + other.row)
        shift = fmpq_mat(self.row)
        shift[0, 0] += _fraction(other)
        return AffineLeaf(shift)

    __radd__ = __add__

    def __neg__(self) -> AffineLeaf:
        return AffineLeaf(-self.row)

    def __sub__(self, other: Any) -> AffineLeaf:
        return self + (-other)

    def __rsub__(self, other: Any) -> AffineLeaf:
        return -self + other

    def __mul__(self, other: Any) -> AffineLeaf:
        return AffineLeaf(self.row * _fraction(other))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> AffineLeaf:
        return AffineLeaf(self.row * (1 / _fraction(other)))

    def _refused(self, *_: Any) -> Any:
        raise _NotAffine

    __rtruediv__ = __pow__ = __lt__ = __gt__ = __le__ = __ge__ = __float__ = _refused


def _leaf(value: Any) -> AffineLeaf:
    if not isinstance(value, AffineLeaf):
        raise _NotAffine
    return value


def _fraction(value: Any) -> fmpq:
    if isinstance(value, int | fmpq):
        return fmpq(value)
    if isinstance(value, sp.Rational):
        return fmpq(int(value.p), int(value.q))
    if isinstance(value, Dual) and not value.row:
        return _fraction(value.value)
    raise _NotAffine


def _rational(value: fmpq) -> sp.Rational:
    return sp.Rational(int(value.p), int(value.q))


class AffineField:
    """The affine field of a quadratic game, on affine leaves."""

    def __init__(self, game: Game, parts: int) -> None:
        self.game, self.players = game, tuple(game.players)
        self._n = len(game.variables)
        self._width = 1 + self._n * (parts + 1)  # constant, the state, and unknowns of one solve
        self._costs = {name: _quadratic(player.cost, game.variables) for name, player in game.players.items()}
        owned = [(self._costs[game.owner[v]], i) for i, v in enumerate(game.variables)]
        self._jacobian = fmpq_mat([[hessian[i, j] for j in range(self._n)] for (hessian, _), i in owned])
        self._shift = [linear[i] for (_, linear), i in owned]

    def unit(self, column: int, constant: fmpq) -> AffineLeaf:
        """The row `constant + one coordinate`."""
        row = fmpq_mat(1, self._width)
        row[0, 0], row[0, column] = constant, fmpq(1)
        return AffineLeaf(row)

    def point(self, leaves: Iterable[Any]) -> Point:
        """Leaves in the order of the variables as a point."""
        supply = iter(leaves)
        return Point({name: tuple(next(supply) for _ in player.moves) for name, player in self.game.players.items()})

    def _image(self, matrix: fmpq_mat, v: Point, shift: list[fmpq] | None = None) -> Point:
        stacked = fmpq_mat([_leaf(leaf).row.entries() for leaf in v.leaves()])
        product = matrix * stacked
        width = product.ncols()
        entries = product.entries()
        rows = [fmpq_mat(1, width, entries[k * width : (k + 1) * width]) for k in range(self._n)]
        for row, constant in zip(rows, shift or (), strict=bool(shift)):
            row[0, 0] += constant
        return self.point(map(AffineLeaf, rows))

    def __call__(self, z: Point) -> Point:
        return self._image(self._jacobian, z, self._shift)

    def jvp(self, z: Point, v: Point) -> Point:
        return self._image(self._jacobian, v)

    def vjp(self, z: Point, v: Point) -> Point:
        return self._image(self._jacobian.transpose(), v)

    def gradient(self, z: Point, *, of: str, wrt: str | None = None) -> Point:
        hessian, linear = self._costs[of]
        whole = self._image(hessian, z, linear)
        return whole if wrt is None else whole.only(wrt)

    def _probe(self, players: Iterable[str]) -> tuple[list[int], Point]:
        chosen = [i for i, v in enumerate(self.game.variables) if self.game.owner[v] in set(players)]
        zero = fmpq_mat(1, self._width)
        first = self._width - self._n
        leaves = [self.unit(first + i, fmpq(0)) if i in chosen else AffineLeaf(zero) for i in range(self._n)]
        return chosen, self.point(leaves)

    def _solved(self, chosen: list[int], matrix: fmpq_mat, rows: list[fmpq_mat]) -> Point:
        solution = matrix.solve(fmpq_mat([row.entries() for row in rows]))
        found = [fmpq_mat(1, self._width)] * self._n
        entries = solution.entries()
        for k, i in enumerate(chosen):
            found[i] = fmpq_mat(1, self._width, entries[k * self._width : (k + 1) * self._width])
        return self.point(map(AffineLeaf, found))

    def solve(self, operator: Callable[[Point], Point], right: Point, *, on: tuple[str, ...] | None = None) -> Point:
        chosen, probe = self._probe(on or self.players)
        image = [_leaf(leaf).row for leaf in operator(probe).leaves()]
        first = self._width - self._n
        if any(image[i][0, j] != 0 for i in chosen for j in range(first)):
            raise _NotAffine
        matrix = fmpq_mat([[image[i][0, first + j] for j in chosen] for i in chosen])
        goal = [_leaf(leaf).row for leaf in right.leaves()]
        return self._solved(chosen, matrix, [goal[i] for i in chosen])

    def fixed_point(self, step: Callable[[Point], Point], *, near: Point) -> Point:
        # w = S w + r: (I - S) w = r.
        chosen, probe = self._probe(self.players)
        image = [_leaf(leaf).row for leaf in step(probe).leaves()]
        first = self._width - self._n
        matrix = fmpq_mat([[fmpq(int(i == j)) - image[i][0, first + j] for j in chosen] for i in chosen])
        rest = [fmpq_mat(1, self._width, row.entries()[:first] + [fmpq(0)] * self._n) for row in image]
        return self._solved(chosen, matrix, rest)


def _quadratic(cost: Any, variables: tuple[Any, ...]) -> tuple[fmpq_mat, list[fmpq]]:
    """(Hessian, gradient at zero) of a polynomial of degree at most two with fractions as coefficients."""
    index = {v: i for i, v in enumerate(variables)}
    hessian, linear = fmpq_mat(len(variables), len(variables)), [fmpq(0)] * len(variables)
    for monomial, coefficient in _polynomial(cost, index).items():
        if len(monomial) == 1:
            linear[monomial[0]] += coefficient
        elif len(monomial) == 2:
            i, j = monomial
            hessian[i, j] += coefficient
            hessian[j, i] += coefficient
    return hessian, linear


def _polynomial(cost: Any, index: Mapping[Any, int]) -> dict[tuple[int, ...], fmpq]:
    if cost in index:
        return {(index[cost],): fmpq(1)}
    if isinstance(cost, sp.Add):
        total: dict[tuple[int, ...], fmpq] = {}
        for part in cost.args:
            for monomial, coefficient in _polynomial(part, index).items():
                total[monomial] = total.get(monomial, fmpq(0)) + coefficient
        return total
    factors = cost.args if isinstance(cost, sp.Mul) else ()
    if isinstance(cost, sp.Pow) and cost.exp == 2:
        factors = (cost.base, cost.base)
    if not factors:
        return {(): _fraction(cost)}
    product: dict[tuple[int, ...], fmpq] = {(): fmpq(1)}
    for factor in factors:
        product = _times(product, _polynomial(factor, index))
    return product


def _times(a: Mapping[tuple[int, ...], fmpq], b: Mapping[tuple[int, ...], fmpq]) -> dict[tuple[int, ...], fmpq]:
    total: dict[tuple[int, ...], fmpq] = {}
    for (m, c), (n, d) in ((p, q) for p in a.items() for q in b.items()):
        if len(m) + len(n) > 2:
            raise _NotAffine
        key = tuple(sorted(m + n))
        total[key] = total.get(key, fmpq(0)) + c * d
    return total
