"""Quadratic games of vectors, reduced to one scalar game for each singular value of the coupling.

Main definitions: `reduce_game`, `Reduced`.

With A = U S V^T and new coordinates x = U x', y = V y', a loss made of terms x^T W y, each W a word in A and A^T that
fits these axes, is a sum of scalar losses, one for each singular value: A becomes sigma, a vector becomes a number.
Which vectors live on U's axes ("left") and which on V's ("right") is inferred from the words; a word such as A A, which
would need both at once, is refused. Further matrices may be declared `jointly` reducible: diagonal in the same axes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from bilevel.game import Game, Player
from bilevel.language.algebra import Dot, is_column
from bilevel.language.calculus import is_model_level
from bilevel.language.errors import GameError, UnknownAnswer
from bilevel.language.scope import free_variables

LEFT, RIGHT = "left", "right"


@dataclass(frozen=True)
class Reduced:
    """The scalar game of one singular value, and how it came about."""

    game: Game
    coupling: Any
    sigma: Any
    eigenvalues: Mapping[Any, Any]
    sides: Mapping[str, str | None]
    trace: tuple[str, ...]
    shifted: bool = False

    @property
    def spectral(self) -> tuple[Any, ...]:
        """The symbols that stand for spectra: sigma, then the declared eigenvalues."""
        return (*((self.sigma,) if self.sigma is not None else ()), *self.eigenvalues.values())


@dataclass
class _Sides:
    """Which vectors share axes: a union-find whose two fixed classes are the left and the right axes."""

    parent: dict[Any, Any] = field(default_factory=dict)

    def find(self, node: Any) -> Any:
        while (above := self.parent.get(node, node)) != node:
            node = above
        return node

    def join(self, a: Any, b: Any, word: str) -> None:
        a, b = self.find(a), self.find(b)
        if {a, b} == {LEFT, RIGHT}:
            raise UnknownAnswer(
                f"{word} ties the left and the right singular vectors together, so no change of axes makes it diagonal",
                next_step="words must alternate, as in A A^T A; or instantiate the game with a concrete matrix",
            )
        if a != b:
            low, high = (b, a) if a in (LEFT, RIGHT) else (a, b)
            self.parent[low] = high

    def of(self, node: Any) -> str | None:
        found = self.find(node)
        return found if found in (LEFT, RIGHT) else None


@dataclass(frozen=True)
class _Term:
    """coefficient * first^T word second; a factor of the word is (matrix, transposed, exponent)."""

    coefficient: Any
    first: Any
    word: tuple[tuple[Any, bool, int], ...]
    second: Any


def reduce_game(game: Game, jointly: Any = (), reserved: frozenset[str] = frozenset()) -> Reduced:
    """One scalar game that stands for every singular value at once, or `UnknownAnswer` with what prevents it.

    `reserved` are names the new symbols must not take: those of the rule's parameters.
    """
    if not all(is_column(v) for v in game.variables):
        raise GameError("a game of any size moves vectors; for scalar variables use stability(game, rule, at=...)")
    terms = {name: list(_quadratic_terms(player.cost, game.variables)) for name, player in game.players.items()}
    every = [term for own in terms.values() for term in own]
    matrices = sorted({m for term in every for m, _, _ in term.word}, key=str)
    taken = {str(s) for s in (*game.parameters, *game.variables)} | reserved
    values = _declared(jointly, matrices, taken)
    coupling, symmetric = _coupling([m for m in matrices if m not in values], every)
    sigma = None
    if coupling is not None:
        sigma = _symbol("sigma", taken, positive=True)
        values = {coupling: sigma, **values}
    if symmetric is not None:
        values = {symmetric: _symbol("lambda", taken, real=True), **values}
    sides = _sides(every, coupling, game)
    scalars = {v: sp.Symbol(str(v), real=True) for v in game.variables}
    players = {}
    for name, player in game.players.items():
        cost = sp.Add(*(_scalar(term, scalars, values) for term in terms[name]))
        loss = cost if player.sense == "min" else -cost
        players[name] = Player(tuple(scalars[v] for v in player.moves), loss, player.sense, player.through)
    scalar_game = Game(players, assuming=game.assuming, title=game.title, source=game.source)
    eigenvalues = {m: s for m, s in values.items() if m != coupling}
    told = _told(coupling, sigma, eigenvalues, symmetric, sides)
    shifted = any(_has_linear(player.cost, game.variables) for player in game.players.values())
    return Reduced(scalar_game, coupling, sigma, eigenvalues, sides, tuple(told), shifted)


def _symbol(name: str, taken: set[str], **assumptions: bool) -> Any:
    while {name, f"{name}_min", f"{name}_max"} & taken:
        name += "_"
    taken.add(name)
    return sp.Symbol(name, **assumptions)


def _declared(jointly: Any, matrices: list[Any], taken: set[str]) -> dict[Any, Any]:
    given = dict(jointly) if isinstance(jointly, Mapping) else dict.fromkeys(jointly)
    for matrix in given:
        if matrix not in matrices:
            raise GameError(f"{matrix} is declared jointly reducible, but no quadratic term holds it")
    clashing = [str(s) for s in given.values() if s is not None and {str(s), f"{s}_min", f"{s}_max"} & taken]
    if clashing:
        raise GameError(f"{', '.join(clashing)} already means something else; take another symbol for the eigenvalue")
    return {m: _symbol(f"{str(m).lower()}_i", taken, real=True) if s is None else s for m, s in given.items()}


def _coupling(undeclared: list[Any], every: list[_Term]) -> tuple[Any, Any]:
    """(the coupling matrix, a matrix of which only the symmetric part enters); at most one of the two."""
    if len(undeclared) > 1:
        raise UnknownAnswer(
            f"the matrices {', '.join(map(str, undeclared))} need not be diagonal in common axes",
            next_step="declare those that are with jointly={P: p}, p the symbol of an eigenvalue",
        )
    if not undeclared:
        return None, None
    matrix = undeclared[0]
    holding = [term for term in every if any(m == matrix for m, _, _ in term.word)]
    if all(len(term.word) == 1 and term.first == term.second for term in holding):
        if any(m != matrix for term in every for m, _, _ in term.word):
            raise UnknownAnswer(
                f"the symmetric part of {matrix} and the declared matrices need not be diagonal in common axes",
                next_step=f"declare {matrix} too, with jointly=...",
            )
        return None, matrix
    return matrix, None


def _quadratic_terms(cost: Any, variables: tuple[Any, ...]) -> Any:
    """The terms of degree two; constant and linear ones are left out, anything else is refused."""
    for term in sp.Add.make_args(sp.expand(cost)):
        moved = [f for f in sp.Mul.make_args(term) if _moves(f, variables)]
        if not moved:
            continue
        rest = sp.Mul(*(f for f in sp.Mul.make_args(term) if f not in moved))
        if len(moved) > 1 or not isinstance(moved[0], Dot) or is_model_level(rest):
            raise UnknownAnswer(
                f"the term {term} is not quadratic in the moved vectors",
                next_step="write each term as a number times dot(u, M*w); or instantiate the game",
            )
        yield from _terms_of(rest, moved[0], variables)


def _moves(factor: Any, variables: tuple[Any, ...]) -> bool:
    """Whether a factor depends on a moved vector, through the laws of its random variables too."""
    free = free_variables(factor) if is_model_level(factor) else factor.free_symbols
    return bool(set(free) & set(variables))


def _terms_of(coefficient: Any, form: Dot, variables: tuple[Any, ...]) -> Any:
    for c, left in _words(form.args[0]):
        for d, right in _words(form.args[1]):
            (*before, (first, _, _)), (*after, (second, _, _)) = left, right
            inside = {m for m, _, _ in (*before, *after)} & set(variables)
            if inside:
                raise UnknownAnswer(f"{form} is not quadratic: a moved vector stands inside it")
            if first in variables and second in variables:
                turned = tuple((m, not t, e) for m, t, e in reversed(before))
                yield _Term(coefficient * c * d, first, turned + tuple(after), second)


def _has_linear(cost: Any, variables: tuple[Any, ...]) -> bool:
    for term in sp.Add.make_args(sp.expand(cost)):
        for form in (f for f in term.atoms(Dot) if _moves(f, variables)):
            ends = [word[-1][0] for side in form.args for _, word in _words(side)]
            if any(end in variables for end in ends) and not all(end in variables for end in ends):
                return True
    return False


def _words(matrix: Any) -> list[tuple[Any, list[tuple[Any, bool, int]]]]:
    """A matrix as a sum of coefficient times a word of (symbol, transposed, exponent)."""
    if isinstance(matrix, sp.MatrixSymbol):
        return [(sp.S.One, [(matrix, False, 1)])]
    if isinstance(matrix, sp.Identity):
        return [(sp.S.One, [])]
    if isinstance(matrix, sp.MatAdd):
        return [word for arg in matrix.args for word in _words(arg)]
    if isinstance(matrix, sp.Transpose):
        return [(c, [(m, not t, e) for m, t, e in reversed(word)]) for c, word in _words(matrix.arg)]
    if isinstance(matrix, sp.Inverse | sp.MatPow) and isinstance(matrix.base, sp.MatrixSymbol) and matrix.exp == -1:
        return [(sp.S.One, [(matrix.base, False, -1)])]
    if isinstance(matrix, sp.MatPow) and matrix.exp.is_Integer and matrix.exp > 0:
        return _products([matrix.base] * int(matrix.exp))
    if isinstance(matrix, sp.MatMul):
        coefficient, factors = matrix.as_coeff_matrices()
        return [(coefficient * c, word) for c, word in _products(list(factors))]
    raise UnknownAnswer(
        f"{matrix} is no sum of products of matrix symbols, so its axes are not known",
        next_step="write the coupling with matrix symbols, their transposes and multiples of the identity",
    )


def _products(factors: list[Any]) -> list[tuple[Any, list[tuple[Any, bool, int]]]]:
    total: list[tuple[Any, list[tuple[Any, bool, int]]]] = [(sp.S.One, [])]
    for factor in factors:
        total = [(c * d, word + more) for c, word in total for d, more in _words(factor)]
    return total


def _sides(every: list[_Term], coupling: Any, game: Game) -> dict[str, str | None]:
    sides = _Sides()
    for term in every:
        here: Any = term.first
        for matrix, turned, exponent in term.word:
            if matrix == coupling and exponent < 0:
                raise UnknownAnswer(f"the inverse of the coupling {coupling} stands in a loss")
            rows, columns = (LEFT, RIGHT) if matrix == coupling else ((matrix, 0), (matrix, 1))
            if turned != (exponent < 0):
                rows, columns = columns, rows
            sides.join(here, rows, _shown(term))
            here = columns
        sides.join(here, term.second, _shown(term))
    _check_square(every, coupling, sides)
    return {str(v): sides.of(v) for v in game.variables}


def _check_square(every: list[_Term], coupling: Any, sides: _Sides) -> None:
    """A declared matrix whose two ends are on different axes is a second coupling, diagonal in the same axes."""
    for matrix in {m for term in every for m, _, _ in term.word if m != coupling}:
        ends = {sides.find((matrix, 0)), sides.find((matrix, 1))}
        if len(ends) > 1 and matrix.shape[0] == matrix.shape[1] and ends != {LEFT, RIGHT}:
            raise UnknownAnswer(
                f"it does not show whether {matrix} maps the axes of one vector to themselves or to another's",
                next_step="leave it as the coupling, or instantiate the game",
            )


def _scalar(term: _Term, scalars: Mapping[Any, Any], values: Mapping[Any, Any]) -> Any:
    word = sp.Mul(*(values[m] ** e for m, _, e in term.word))
    return term.coefficient * word * scalars[term.first] * scalars[term.second]


def _shown(term: _Term) -> str:
    word = [f"{m}{'^T' if t else ''}{'^-1' if e < 0 else ''}" for m, t, e in term.word]
    return " ".join([f"{term.first}^T", *word, str(term.second)])


def _told(coupling: Any, sigma: Any, eigenvalues: Mapping[Any, Any], symmetric: Any, sides: Mapping[str, Any]) -> Any:
    if coupling is not None:
        yield f"{coupling} = U S V^T, its singular value decomposition"
        for axes, name in ((LEFT, "U"), (RIGHT, "V")):
            members = [v for v, side in sides.items() if side == axes]
            if members:
                yield f"{', '.join(members)} in the axes of {name}: each component meets one singular value {sigma}"
    for matrix, value in eigenvalues.items():
        why = "only its symmetric part enters" if matrix == symmetric else "declared diagonal in the same axes"
        yield f"{matrix} becomes {value} ({why})"
