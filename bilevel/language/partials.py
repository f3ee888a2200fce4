"""Partial derivatives of applied networks and log-densities: the node that closes the language under differentiation.

Main definitions: `Partial`, `PartialMatrix`, `partial`, `OPEN`.

The k-th derivative of an applied network is a tensor with one index per differentiated argument slot, and one more for
the value if that is a vector. A node holds at most two open indices; the others are contracted with vectors. Mixed
partials commute, so slots are kept sorted. Tensors with at most two indices are never contracted inside a node: a
Hessian times a vector is written as a product; tensors with three and more take in the vectors beside them. A scalar
argument's slot has nothing to contract and carries the number 1.

What is differentiated is any node with `arguments` and `output` (the dimension of its value, None for scalars).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sympy as sp
from sympy import Basic, Expr, Integer, MatrixExpr, S, Tuple, ZeroMatrix
from sympy.core.symbol import Str
from sympy.printing.precedence import PRECEDENCE

from bilevel.language.algebra import Dot, Node, is_scalar, product, terms, transpose
from bilevel.language.errors import GameError
from bilevel.language.nodes import scale

OPEN = Str("open")


class _Derivative(Node):
    """What scalar and matrix partials share: args (applied, weight, *slots).

    A slot is Tuple(place, what is contracted there): a vector, 1 for a scalar argument, or OPEN. `weight` is 1 for
    scalar-valued functions, else OPEN or the vector contracted with the value.
    """

    __slots__ = ()
    args: tuple[Any, ...]
    precedence = PRECEDENCE["Mul"]
    loose = True

    @property
    def applied(self) -> Any:
        """The applied network or log-density that is differentiated."""
        return self.args[0]

    @property
    def weight(self) -> Any:
        """1, OPEN, or the vector contracted with the value."""
        return self.args[1]

    @property
    def slots(self) -> tuple[tuple[int, Any], ...]:
        """Pairs (argument place counted from 0, what is contracted there)."""
        return tuple((int(place), held) for place, held in self.args[2:])

    @property
    def open_slots(self) -> tuple[int, ...]:
        """Places of the open argument slots, in order."""
        return tuple(place for place, held in self.slots if held == OPEN)

    @property
    def order(self) -> int:
        """Order of the derivative."""
        return len(self.args) - 2

    def _sympystr(self, printer: Any) -> str:
        dees = " ".join(f"d{place + 1}" for place, _ in self.slots)
        return f"{dees} {printer._print(self.applied)}{self._held(printer, '.')}"

    def _latex(self, printer: Any) -> str:
        sign = r"\nabla" if self.order == 1 and self.applied.output is None else r"\partial"
        dees = " ".join(rf"{sign}_{{{place + 1}}}" for place, _ in self.slots)
        return rf"{dees} {printer._print(self.applied)}{self._held(printer, chr(92) + 'cdot')}"

    def _held(self, printer: Any, dot: str) -> str:
        held = ([] if self.applied.output is None else [self.weight]) + [h for _, h in self.slots if h != S.One]
        if all(h == OPEN for h in held):
            return ""
        return f"[{', '.join(dot if h == OPEN else printer._print(h) for h in held)}]"


class Partial(_Derivative, Expr):
    """A partial derivative with every index contracted: a scalar."""

    is_commutative = True
    is_real = True

    def __new__(cls, applied: Any, weight: Any, *slots: Any) -> Any:
        return _canonical(applied, weight, [(int(place), held) for place, held in slots])


class PartialMatrix(_Derivative, MatrixExpr):
    """A partial derivative with one open index, a column, or two, a matrix; rows: the value, or the earlier slot."""

    def __new__(cls, applied: Any, weight: Any, *slots: Any) -> Any:
        return _canonical(applied, weight, [(int(place), held) for place, held in slots])

    @property
    def shape(self) -> tuple[Expr, Expr]:
        """Rows, then columns."""
        opens = _opens(self.applied, self.weight, self.slots)
        return (opens[0], opens[1]) if len(opens) > 1 else (opens[0], S.One)

    @property
    def column(self) -> bool:
        """True if one index is open."""
        return len(_opens(self.applied, self.weight, self.slots)) == 1

    @property
    def absorbs(self) -> bool:
        """True for tensors of three and more indices, which take in vectors beside them."""
        return not self.column and _indices(self.applied, self.slots) > 2

    def _eval_transpose(self) -> MatrixExpr:
        return self.transposed()

    def transposed(self) -> MatrixExpr:
        """Its transpose; a Hessian in one argument is symmetric."""
        symmetric = self.weight != OPEN and len(set(self.open_slots)) == 1 and len(self.open_slots) == 2
        return self if symmetric else sp.Transpose(self)

    def contracted(self, side: int, held: MatrixExpr) -> Expr:
        """The node with its row (0) or column (1) index contracted with a vector."""
        if self.weight == OPEN and side == 0:
            return partial(self.applied, self.slots, held)
        place = [i for i, (_, h) in enumerate(self.slots) if h == OPEN][side - (self.weight == OPEN)]
        slots = list(self.slots)
        slots[place] = (slots[place][0], held)
        return partial(self.applied, slots, self.weight)


def partial(applied: Any, slots: Iterable[tuple[int, Any]], weight: Any = None) -> Expr:
    """The partial derivative of an applied network in the given slots, in normal form.

    `slots` pairs an argument place (from 0) with OPEN, or None for it, or a vector to contract; scalar arguments are
    recognised. `weight` contracts a vector value (default: open). Fewer than three indices come back as products.
    """
    full = [(place, OPEN if held is None else held) for place, held in slots]
    full = [(place, S.One if is_scalar(applied.arguments[place]) else held) for place, held in full]
    value = S.One if applied.output is None else OPEN if weight is None else weight
    return _canonical(applied, value, full)


def _indices(applied: Any, slots: Sequence[tuple[int, Any]]) -> int:
    return (applied.output is not None) + sum(not is_scalar(applied.arguments[place]) for place, _ in slots)


def _opens(applied: Any, weight: Any, slots: Sequence[tuple[int, Any]]) -> list[Expr]:
    """Dimensions of the open indices, the value first."""
    first = [applied.output] if weight == OPEN else []
    return first + [applied.arguments[place].shape[0] for place, held in sorted(slots, key=_order) if held == OPEN]


def _order(slot: tuple[int, Any]) -> tuple[Any, ...]:
    place, held = slot
    return (place, held == OPEN, () if held in (OPEN, S.One) else held.sort_key())


def _canonical(applied: Any, weight: Any, slots: list[tuple[int, Any]]) -> Expr:
    if not slots:
        return applied if weight in (S.One, OPEN) else Dot(weight, applied)
    opens = _opens(applied, weight, slots)
    if len(opens) > 2:
        raise GameError(
            f"a derivative of {applied} would keep {len(opens)} open indices; contract one with a vector first"
        )
    held = ([(-1, weight)] if applied.output is not None else []) + slots
    for position, (_, vector) in enumerate(held):
        if vector == OPEN or vector == S.One:
            continue
        parts = terms(vector)
        if len(parts) == 1 and parts[0][0] == 1:
            continue
        return _expanded(applied, weight, slots, position - (applied.output is not None), parts, opens)
    if _indices(applied, slots) <= 2 and any(vector not in (OPEN, S.One) for _, vector in held):
        return _as_product(applied, weight, slots)
    ordered = [Tuple(Integer(place), vector) for place, vector in sorted(slots, key=_order)]
    if opens:
        return Basic.__new__(PartialMatrix, applied, weight, *ordered)
    return Expr.__new__(Partial, applied, weight, *ordered)


def _expanded(
    applied: Any, weight: Any, slots: list[tuple[int, Any]], position: int, parts: Any, opens: list[Expr]
) -> Expr:
    """Linearity in one contracted vector."""
    total: Any = S.Zero if not opens else ZeroMatrix(opens[0], opens[1] if len(opens) > 1 else S.One)
    for coefficient, word in parts:
        vector = product(*word)
        if position < 0:
            part = _canonical(applied, vector, slots)
        else:
            changed = slots[:position] + [(slots[position][0], vector)] + slots[position + 1 :]
            part = _canonical(applied, weight, changed)
        total = (
            scale(coefficient, part)
            if total == 0 or isinstance(total, ZeroMatrix)
            else total + scale(coefficient, part)
        )
    return total


def _as_product(applied: Any, weight: Any, slots: list[tuple[int, Any]]) -> Expr:
    """At most two indices, some contracted: the open derivative times the vectors."""
    ordered = sorted(slots, key=_order)
    value = weight if weight == S.One else OPEN
    whole = _canonical(applied, value, [(place, held if held == S.One else OPEN) for place, held in ordered])
    held = ([weight] if applied.output is not None else []) + [h for _, h in ordered if h != S.One]
    if len(held) == 1:
        return Dot(held[0], whole)
    left, right = held
    if left == OPEN:
        return product(whole, right)
    columns = product(transpose(whole), left)
    return columns if right == OPEN else Dot(right, columns)
