"""Diagonal matrices, ones and matrices of maps in words: tensors that copy an index.

Main definitions: `copy`, `copied`, `spread` (their rewriting).

The tensor delta[i, j, ..., k], 1 where all indices agree and 0 elsewhere, is the column of ones with one index, the
identity with two, and with three what makes diag(u)[i, j] = sum_k delta[i, j, k] u[k]. Two that share an index are one
with the indices of both (Coecke and Kissinger 2017, Picturing Quantum Processes, section 8.6.1, call them spiders).
The matrix of a map commutes with copying: two of them on one copied index are one, after which its value is copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bilevel.language.normal_atom import Atom

Factor = tuple[Atom, tuple[Any, ...]]


def copy(dimension: str, arity: int) -> Atom:
    """The copying tensor with some number of indices; with two it is the identity matrix."""
    if arity == 2:
        return Atom("identity", (dimension,), rank=2, slots=(0, 0))
    return Atom("copy", (dimension,), name=str(arity), rank=arity, slots=(0,) * arity)


def copied(factors: Sequence[Factor]) -> bool:
    """Whether a word holds anything that this module rewrites."""
    return any(atom.kind in ("copy", "selection") for atom, _ in factors)


def spread(factors: list[Factor]) -> tuple[list[Factor], str | None] | None:
    """One rewriting step: the new factors, and a dimension by which they are multiplied; None if nothing is left."""
    return _looped(factors) or _fused(factors) or _mapped_ones(factors) or _gathered(factors)


def _spider(dimension: str, legs: Sequence[Any]) -> tuple[list[Factor], str | None]:
    """The copying tensor with these legs, a leg that stands twice summed over."""
    once = tuple(leg for leg in legs if legs.count(leg) == 1)
    if not once:
        return [], dimension
    return [(copy(dimension, len(once)), once)], None


def _looped(factors: list[Factor]) -> tuple[list[Factor], str | None] | None:
    for place, (atom, legs) in enumerate(factors):
        if atom.kind == "copy" and len(set(legs)) < len(legs):
            made, size = _spider(atom.parts[0], legs)
            return [*factors[:place], *factors[place + 1 :], *made], size
    return None


def _fused(factors: list[Factor]) -> tuple[list[Factor], str | None] | None:
    spiders = [place for place, (atom, _) in enumerate(factors) if atom.kind == "copy"]
    for first in spiders:
        for second in spiders:
            if first < second and set(factors[first][1]) & set(factors[second][1]):
                made, size = _spider(factors[first][0].parts[0], (*factors[first][1], *factors[second][1]))
                return [f for p, f in enumerate(factors) if p not in (first, second)] + made, size
    return None


def _mapped_ones(factors: list[Factor]) -> tuple[list[Factor], str | None] | None:
    """S 1 = 1."""
    ends = {legs[0]: place for place, (atom, legs) in enumerate(factors) if atom.kind == "copy" and atom.rank == 1}
    for place, (atom, legs) in enumerate(factors):
        if atom.kind == "selection" and legs[1] in ends:
            rest = [f for p, f in enumerate(factors) if p not in (place, ends[legs[1]])]
            return [*rest, (copy(atom.parts[0], 1), (legs[0],))], None
    return None


def _gathered(factors: list[Factor]) -> tuple[list[Factor], str | None] | None:
    """Two matrices of one map whose row indices are copies of each other."""
    hubs = {leg: place for place, (atom, legs) in enumerate(factors) if atom.kind == "copy" for leg in legs}
    met: dict[tuple[str, Any], int] = {}
    for place, (atom, (row, *_)) in enumerate(factors):
        if atom.kind != "selection":
            continue
        hub = ("hub", hubs[row]) if row in hubs else ("index", row)
        first = met.setdefault((atom.key, hub), place)
        if first != place:
            return _one_for_two(factors, first, place, hubs.get(row)), None
    return None


def _one_for_two(factors: list[Factor], first: int, second: int, hub: int | None) -> list[Factor]:
    (atom, (row, left)), (_, (gone, right)) = factors[first], factors[second]
    rest = [f for p, f in enumerate(factors) if p not in (first, second, hub)]
    new: Any = object()
    if hub is None:  # the row indices are one index, summed over: a sum over ones remains
        row = object()
        legs: tuple[Any, ...] = (row,)
    else:
        legs = tuple(leg for leg in factors[hub][1] if leg != gone)
    once, twice = (copy(atom.parts[0], len(legs)), legs), (copy(atom.parts[1], 3), (new, left, right))
    return [*rest, once, (atom, (row, new)), twice]
